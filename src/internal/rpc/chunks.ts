/**
 * Streams of messages to streams of values and back, a chunk at a time: an operator a chunk costs what it costs once,
 * and one an element costs it for each.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { CodecError, Coder } from "../../Codec.ts"
import type { Failure, Reply } from "../../Transport.ts"
import * as Batches from "../codec/batches.ts"
import type { Packing } from "./packing.ts"

type Chunk<A> = readonly [A, ...Array<A>]

/** What each message is decoded to, be it one value or several. Those before one that fails still come. */
export const decoded = <A, E>(
  messages: Stream.Stream<Uint8Array, E>,
  coder: Coder<A>,
  explain: (error: CodecError) => E
): Stream.Stream<A, E> => {
  const batches = Batches.of(coder)
  const read = (chunk: Chunk<Uint8Array>, refuse: Refuse): Array<A> | undefined => {
    let values: Array<A> | undefined
    for (const message of chunk) {
      if (batches?.isBatch(message) === true) {
        const failed = batches.decode(message, values ??= [])
        if (failed === undefined) continue
        refuse(failed)
        break
      }
      const value = coder.decode(message)
      if (value._tag === "Failure") {
        refuse(value)
        break
      }
      if (values === undefined) values = [value.value]
      else values.push(value.value)
    }
    return values
  }
  return coded(messages, read, explain, Effect.fail)
}

/** What values are encoded to, each or as many as are packed. Those before one that fails still go. `fail` says how. */
export const encoded = <A, E, E2>(
  values: Stream.Stream<A, E>,
  coder: Coder<A>,
  packing: Packing | undefined,
  explain: (error: CodecError) => E,
  fail: (error: E) => Effect.Effect<never, E2>
): Stream.Stream<Uint8Array, E2> => {
  const write = (chunk: Chunk<A>, refuse: Refuse): Array<Uint8Array> | undefined => {
    let messages: Array<Uint8Array> | undefined
    for (let index = 0; index < chunk.length;) {
      const packed = chunk.length > 1 ? packing?.pack(chunk, index) : undefined
      const message = packed === undefined ? coder.encode(chunk[index]) : Exit.succeed(packed)
      if (message._tag === "Failure") {
        refuse(message)
        break
      }
      index = packed === undefined ? index + 1 : packing!.next
      if (messages === undefined) messages = [message.value]
      else messages.push(message.value)
    }
    return messages
  }
  return coded(values, write, explain, fail)
}

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

/** Says why there is nothing more. */
type Refuse = (failure: Effect.Effect<unknown, CodecError>) => void

const coded = <A, B, E, E2>(
  elements: Stream.Stream<A, E>,
  code: (chunk: Chunk<A>, refuse: Refuse) => Array<B> | undefined,
  explain: (error: CodecError) => E,
  fail: (error: E) => Effect.Effect<never, E2>
): Stream.Stream<B, E2> =>
  Stream.transformPull(elements, (pull) => {
    const refuse: Refuse = (failure) => {
      // Which is a failure, and has no value.
      next = Effect.catch(failure as Effect.Effect<never, CodecError>, (error) => fail(explain(error)))
    }
    let next: Pull.Pull<Chunk<B>, E2> = Effect.matchCauseEffect(pull, {
      onSuccess: (chunk) => {
        const results = code(chunk, refuse)
        return results === undefined || results.length === 0
          ? next
          : Effect.succeed(results as unknown as Chunk<B>)
      },
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

const isLast = (reply: Reply): reply is Failure => !(reply instanceof Uint8Array)
