/**
 * Connections that send a unary call at once and call back: what they do beneath the effect that `unary` describes.
 *
 * It spares the caller a step of its fiber and what goes with it. A connection is known by itself and nothing else: one
 * that middleware has wrapped is another one, and is called as it describes.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Call, Connection, Reply, TransportError } from "../Transport.ts"
import { type Moment, now } from "./wheel.ts"

/** The time, by a clock; the same for all replies that came together. In milliseconds that never jump. */
export type Now = (clock: Clock.Clock) => number

/** Who waits for what comes of a call. Told once, and perhaps before the sending is over. */
export interface Caller {
  /** When the call is sent, if the caller has looked. */
  readonly moment: Moment | undefined
  /** Whether nobody else has the message, nor will have the reply: then their memory may be freed when it has served. */
  readonly isAlone: boolean
  readonly replied: (reply: Reply, now: Now) => void
  readonly lost: (error: TransportError, now: Now) => void
}

/** A call that is under way. */
export interface Sent {
  /** Its caller has gone, and is told nothing. Does nothing where it was told already. */
  readonly cancel: () => void
}

/** Sends a call. Nothing where its caller has been told already. */
export type Send = (call: Call, message: Uint8Array, caller: Caller) => Sent | undefined

/** Lets a connection be found that sends so. */
export const enroll = <C extends Connection>(connection: C, send: Send): C => {
  sends.set(connection, send)
  return connection
}

/** How a connection sends, where it can. */
export const find = (connection: Connection): Send | undefined => sends.get(connection)

/** The effect of such a sending. */
export const unary = (send: Send): Connection["unary"] => (call, message) =>
  Effect.callback<Reply, TransportError>((resume) => {
    const sent = send(call, message, {
      moment: undefined,
      isAlone: false,
      replied: (reply) => resume(Exit.succeed(reply)),
      lost: (error) => resume(Exit.fail(error))
    })
    return sent === undefined ? undefined : Effect.sync(() => sent.cancel())
  })

/** The time of a reply that came by itself. */
export const alone: Now = now

/** Replies that come together. */
export interface Arrival {
  readonly at: Now
  /** The next ones come later. */
  readonly over: () => void
}

/** One look at the clock for all replies that come together: the first that asks has it looked up. */
export const arrival = (): Arrival => {
  let seen: Clock.Clock | undefined
  let time = 0
  return {
    at: (clock) => {
      if (seen !== clock) {
        time = now(clock)
        seen = clock
      }
      return time
    },
    over: () => {
      seen = undefined
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const sends = new WeakMap<Connection, Send>()
