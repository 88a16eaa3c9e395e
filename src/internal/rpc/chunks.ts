/**
 * Streams of messages to streams of values and back, a chunk at a time: an operator a chunk costs what it costs once,
 * and one an element costs it for each.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { CodecError } from "../../Codec.ts"
import type { Failure, Reply } from "../../Transport.ts"
import type { Packing } from "./packing.ts"

type Chunk<A> = readonly [A, ...Array<A>]

/** What each element is decoded, or encoded, to. Those before one that fails still come. `fail` says how it all fails. */
export const coded = <A, B, E, E2>(
  elements: Stream.Stream<A, E>,
  code: (element: A) => Exit.Exit<B, CodecError>,
  explain: (error: CodecError) => E,
  fail: (error: E) => Effect.Effect<never, E2>
): Stream.Stream<B, E2> =>
  Stream.transformPull(elements, (pull) => {
    let next: Pull.Pull<Chunk<B>, E2>
    const read = (chunk: Chunk<A>): Pull.Pull<Chunk<B>, E2> => {
      let results: [B, ...Array<B>] | undefined
      for (const element of chunk) {
        const result = code(element)
        if (result._tag === "Failure") {
          next = fail(explain(Cause.squash(result.cause) as CodecError))
          break
        }
        if (results === undefined) results = [result.value]
        else results.push(result.value)
      }
      return results === undefined ? next : Effect.succeed(results)
    }
    next = Effect.matchCauseEffect(pull, {
      onSuccess: read,
      onFailure: (cause): Pull.Pull<never, E2> => {
        const error = Cause.findErrorOption(cause)
        // What is no error is passed on: the end, a defect, an interruption.
        return error._tag === "None" || Cause.isDone(error.value)
          ? Effect.failCause(cause as Cause.Cause<Cause.Done>)
          : fail(error.value)
      }
    })
    return Effect.succeed(Effect.suspend(() => next))
  }) as Stream.Stream<B, E2>

/** The replies of values: one for each, or for as many as are packed, until one cannot be encoded; and a last one for a failure. */
export const replies = (
  values: Stream.Stream<unknown, unknown>,
  packing: Packing | undefined,
  encode: (value: unknown) => Reply,
  fail: (cause: Cause.Cause<unknown>) => Reply
): Stream.Stream<Reply> =>
  Stream.transformPull(values, (pull) => {
    let over = false
    const write = (chunk: Chunk<unknown>): Chunk<Reply> => {
      let written: [Reply, ...Array<Reply>] | undefined
      for (let index = 0; index < chunk.length && !over;) {
        const packed = chunk.length > 1 ? packing?.pack(chunk, index) : undefined
        const reply = packed ?? encode(chunk[index])
        index = packed === undefined ? index + 1 : packing!.next
        over = isLast(reply)
        if (written === undefined) written = [reply]
        else written.push(reply)
      }
      // A chunk is never empty.
      return written!
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
