/**
 * effect-micro over plain HTTP/1.1: `http://`.
 */
import type { Contender } from "./contender.ts"
import * as Program from "./effect-program.ts"

/** Answers on a free port of the loopback interface. */
export const serve: Contender["serve"] = Program.serve

/** Calls the server of that address, one call at a time on each connection. */
export const connect: Contender["connect"] = (address, discovery) =>
  Program.connect(address.replace(/^micro:/, "http:"), discovery)
