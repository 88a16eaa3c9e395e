/**
 * The road of every call that has many messages or many replies.
 */
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { CodecError } from "../../Codec.ts"
import type { RpcError } from "../../RpcError.ts"
import * as RpcErrors from "../../RpcError.ts"
import { type Call, failure, type Reply } from "../../Transport.ts"
import * as Trace from "../trace.ts"
import * as Chunks from "./chunks.ts"
import type { Coders } from "./methods.ts"
import * as Outcome from "./outcome.ts"
import * as Packing from "./packing.ts"
import * as Running from "./running.ts"
import { contextOf, isSpanned, parentOf, type Serving, settle } from "./serving.ts"

/** Messages as a transport brings them. */
export type Messages = Uint8Array | Stream.Stream<Uint8Array>

/** The replies to messages. */
export const streamed = (serving: Serving, messages: Messages): Stream.Stream<Reply> => {
  const { call, coders, ground, route } = serving
  const { streamsIn, streamsOut } = route.method
  const payloads = decoded(messages, coders, call)
  const run = (payload: unknown): Stream.Stream<unknown, unknown> => {
    const result = route.handler(payload)
    return streamsOut
      ? result as Stream.Stream<unknown, unknown>
      : Stream.fromEffect(result as Effect.Effect<unknown, unknown>)
  }
  const values = streamsIn
    ? Stream.suspend(() => run(payloads))
    : Stream.unwrap(Effect.map(first(payloads, call), run))
  let last: Reply | undefined
  const replies = Chunks.replies(
    values,
    Packing.make(call.room, coders.success),
    (value) => last = Outcome.success(value, coders),
    (cause) => last = Outcome.failed(cause, coders, call)
  )
  const parent = parentOf(call)
  const spanned = isSpanned(ground, parent)
    ? Stream.unwrap(Effect.map(
      Trace.scoped("server", call.service, call.method, parent),
      (span) => Stream.provideService(replies, Tracer.ParentSpan, span)
    ))
    : replies
  const within = (call.alone === true ? Running.staying : Running.within)(spanned, contextOf(serving, parent))
  return Stream.fromChannel(Channel.fromTransform((upstream, scope) =>
    Effect.flatMap(
      entered(serving, scope, () => last),
      () => Channel.toTransform(within.channel)(upstream, scope)
    )
  ))
}

/** The first reply of a call that may have many. */
export const head = (replies: Stream.Stream<Reply>, call: Call): Effect.Effect<Reply> =>
  Effect.map(
    Stream.runHead(replies),
    (option) => option._tag === "Some" ? option.value : failure("Defect", `${call.method} answered with nothing`)
  )

// ---------------------------------------------------------------------------------------------------------------------

/** Enters among the calls that run, until the scope closes: then it is taken down what became of this one. */
const entered = (serving: Serving, scope: Scope.Scope, last: () => Reply | undefined): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.suspend(() => {
    serving.running.enter()
    return Scope.addFinalizerExit(scope, (exit) =>
      Effect.sync(() => {
        serving.running.leave()
        const reply = last()
        const broken = reply === undefined || reply instanceof Uint8Array ? undefined : reply
        settle(serving, broken !== undefined ? broken.status : exit._tag === "Success" ? "OK" : "Cancelled")
      }))
  }))

const decoded = (
  messages: Messages,
  coders: Coders,
  call: Call
): Stream.Stream<unknown, RpcError> => {
  const explain = (cause: CodecError) =>
    RpcErrors.make("Malformed", { service: call.service, method: call.method, cause })
  return messages instanceof Uint8Array
    ? Stream.fromEffect(Effect.mapError(coders.payload.decode(messages), explain))
    : Chunks.decoded(messages, coders.payload, explain)
}

const first = (payloads: Stream.Stream<unknown, RpcError>, call: Call): Effect.Effect<unknown, RpcError> =>
  Effect.flatMap(Stream.runHead(payloads), (option) =>
    option._tag === "Some"
      ? Effect.succeed(option.value)
      : RpcErrors.fail("Malformed", {
        service: call.service,
        method: call.method,
        cause: new Error("The call carries no message")
      }))
