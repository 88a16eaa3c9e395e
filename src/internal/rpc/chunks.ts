/**
 * Streams of messages to streams of values and back, a chunk at a time: an operator a chunk costs what it costs once,
 * and one an element costs it for each.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { CodecError } from "../../Codec.ts"
import type { Failure, Reply } from "../../Transport.ts"

type Chunk<A> = readonly [A, ...Array<A>]

/** The values of messages. Those before one that cannot be decoded still come. */
export const payloads = <A, E>(
  messages: Stream.Stream<Uint8Array>,
  decode: (message: Uint8Array) => Exit.Exit<A, CodecError>,
  explain: (error: CodecError) => E
): Stream.Stream<A, E> =>
  Stream.transformPull(messages, (pull) => {
    let end: Effect.Effect<never, E> | undefined
    const read = (chunk: Chunk<Uint8Array>): Effect.Effect<Chunk<A>, E> => {
      const values: Array<A> = []
      for (const message of chunk) {
        const value = decode(message)
        if (value._tag === "Success") {
          values.push(value.value)
          continue
        }
        const malformed: Effect.Effect<never, CodecError> = Exit.failCause(value.cause)
        end = Effect.mapError(malformed, explain)
        return values.length === 0 ? end : Effect.succeed(values as unknown as Chunk<A>)
      }
      return Effect.succeed(values as unknown as Chunk<A>)
    }
    return Effect.succeed(Effect.suspend((): Pull.Pull<Chunk<A>, E> => end ?? Effect.flatMap(pull, read)))
  })

/** The replies of values: one for each until one cannot be encoded, and a last one for a failure. */
export const replies = (
  values: Stream.Stream<unknown, unknown>,
  encode: (value: unknown) => Reply,
  fail: (cause: Cause.Cause<unknown>) => Reply
): Stream.Stream<Reply> =>
  Stream.transformPull(values, (pull) => {
    let over = false
    const write = (chunk: Chunk<unknown>): Chunk<Reply> => {
      const written: Array<Reply> = []
      for (const value of chunk) {
        const reply = encode(value)
        written.push(reply)
        over = isLast(reply)
        if (over) break
      }
      return written as unknown as Chunk<Reply>
    }
    const next: Pull.Pull<Chunk<Reply>> = Effect.matchCauseEffect(pull, {
      onSuccess: (chunk) => Effect.succeed(write(chunk)),
      onFailure: (cause) => {
        if (Pull.isDoneCause(cause)) return Cause.done()
        over = true
        return Effect.succeed([fail(cause)] as const)
      }
    })
    return Effect.succeed(Effect.suspend((): Pull.Pull<Chunk<Reply>> => over ? Cause.done() : next))
  })

// ---------------------------------------------------------------------------------------------------------------------

const isLast = (reply: Reply): reply is Failure => !(reply instanceof Uint8Array)
