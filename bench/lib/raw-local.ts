/**
 * A call within one process: an asynchronous function, awaited.
 */
import * as Loops from "./loops.ts"

/** Nobody answers there. */
export const serve = (): Promise<string> => Promise.resolve("here")

/** Both halves. */
export const connect = () => Promise.resolve(Loops.client({ echo: Loops.inTurns(async (body) => body) }))
