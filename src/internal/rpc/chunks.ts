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

/** What each element is decoded, or encoded, to. Those before one that fails still come. */
export const coded = <A, B, E>(
  elements: Stream.Stream<A, E>,
  code: (element: A) => Exit.Exit<B, CodecError>,
  explain: (error: CodecError) => E
): Stream.Stream<B, E> =>
  Stream.transformPull(elements, (pull) => {
    let end: Effect.Effect<never, E> | undefined
    const read = (chunk: Chunk<A>): Effect.Effect<Chunk<B>, E> => {
      const results: Array<B> = []
      for (const element of chunk) {
        const result = code(element)
        if (result._tag === "Success") {
          results.push(result.value)
          continue
        }
        const refused: Effect.Effect<never, CodecError> = Exit.failCause(result.cause)
        end = Effect.mapError(refused, explain)
        return results.length === 0 ? end : Effect.succeed(results as unknown as Chunk<B>)
      }
      return Effect.succeed(results as unknown as Chunk<B>)
    }
    return Effect.succeed(Effect.suspend((): Pull.Pull<Chunk<B>, E> => end ?? Effect.flatMap(pull, read)))
  }) as Stream.Stream<B, E>

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
