/**
 * effect-micro as gRPC: `grpc://`.
 */
import type { Contender } from "./contender.ts"
import * as Program from "./effect-program.ts"

/** Answers on a free port of the loopback interface. */
export const serve: Contender["serve"] = Program.serve

/** Calls the server of that address over HTTP/2. */
export const connect: Contender["connect"] = (address, discovery) =>
  Program.connect(address.replace(/^micro:/, "grpc:"), discovery)
