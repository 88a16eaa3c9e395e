/**
 * What a client has heard of how busy the server is, and how it asks.
 *
 * One question is under way at a time, however many want to know: who asks meanwhile waits for the same answer, so a
 * server that does not answer is asked once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Load } from "../../Load.ts"
import type { TransportError } from "../../Transport.ts"
import { now } from "../wheel.ts"
import { Flag, readU32, Type } from "./frames.ts"
import type { Writer } from "./writer.ts"

export interface Asking {
  readonly load: () => Load | undefined
  readonly probe: Effect.Effect<Load, TransportError>
  /** Takes a report in. False where it is none. */
  readonly hear: (flags: number, bytes: Uint8Array, start: number, end: number) => boolean
  /** The connection has ended. */
  readonly lose: (error: TransportError) => void
}

/** Asks over a connection, unless it says that it is over. */
export const make = (writer: Writer, refusal: () => TransportError | undefined): Asking => {
  const waiting = new Set<(exit: Exit.Exit<Load, TransportError>) => void>()
  let load: Load | undefined
  let clock: Clock.Clock | undefined
  /** When the question that is under way was put. */
  let since: number | undefined
  let roundTrip = 0

  const settle = (exit: Exit.Exit<Load, TransportError>) => {
    const all = [...waiting]
    waiting.clear()
    for (const resume of all) resume(exit)
  }
  return {
    load: () => load,
    probe: Effect.withFiber((fiber) =>
      Effect.callback<Load, TransportError>((resume) => {
        const refused = refusal()
        if (refused !== undefined) return resume(Exit.fail(refused))
        waiting.add(resume)
        if (since === undefined) {
          clock = fiber.getRef(Clock.Clock)
          since = now(clock)
          writer.frame(Type.Probe, 0, 0)
        }
        return Effect.sync(() => waiting.delete(resume))
      })
    ),
    hear: (flags, bytes, start, end) => {
      // Nobody tells before they are asked.
      if (end - start !== 8 || clock === undefined) return false
      const at = now(clock)
      const isAnswer = (flags & Flag.Answer) !== 0 && since !== undefined
      if (isAnswer) roundTrip = Math.max(0, at - since!)
      load = { inFlight: readU32(bytes, start), serviceTime: readU32(bytes, start + 4) / 1000, roundTrip, at }
      if (!isAnswer) return true
      since = undefined
      settle(Exit.succeed(load))
      return true
    },
    lose: (error) => settle(Exit.fail(error))
  }
}
