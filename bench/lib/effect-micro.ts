/**
 * effect-micro over multiplexed frames: `micro://`.
 */
import type { Contender } from "./contender.ts"
import * as Program from "./effect-program.ts"

/** Answers on a free port of the loopback interface. */
export const serve: Contender["serve"] = Program.serve

/** Calls the server of that address, or whom multicast DNS finds. */
export const connect: Contender["connect"] = Program.connect
