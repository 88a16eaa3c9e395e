/**
 * Calls to handlers: the answering half of an `Rpc`.
 *
 * A dispatcher is the exchange of one service. It finds the method and the format, decodes, runs the handler as the
 * plain function it is, and encodes. Whatever goes wrong on that road becomes a failure reply, and no handler runs.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { type Codec, type CodecError, UnknownContentType } from "../../Codec.ts"
import type * as Contract from "../../Contract.ts"
import { CurrentCall, CurrentDeadline } from "../../Rpc.ts"
import { RpcError } from "../../RpcError.ts"
import * as RpcErrors from "../../RpcError.ts"
import { type Call, type Exchange, type Failure, failure, type Reply } from "../../Transport.ts"
import { defect } from "../answering.ts"
import * as Trace from "../trace.ts"
import { now } from "../wheel.ts"
import * as Accept from "./accept.ts"
import * as Chunks from "./chunks.ts"
import type { Answering, Coders, Method } from "./methods.ts"
import * as Methods from "./methods.ts"
import * as Running from "./running.ts"

export interface Dispatcher {
  readonly exchange: Exchange
  /** Refuses new calls as `Unavailable`; completes when the last running one has ended. */
  readonly drain: Effect.Effect<void>
  readonly methods: ReadonlyArray<Method>
}

// Erased: what a handler takes and gives is known to its contract, which the coders come from.
type Handler = (payload: any) => Effect.Effect<any, any, any> | Stream.Stream<any, any, any>

interface Route {
  readonly method: Method
  readonly handler: Handler
}

/** Answers the calls of a contract with handlers that run in a context. */
export const make = <M extends Contract.Methods, R>(
  contract: Contract.Definition<M>,
  handlers: Contract.Procedures<M, R>,
  codec: Codec["Service"],
  services: Context.Context<R>
): Dispatcher => {
  const methods = Methods.make(contract, codec)
  const routes = routesOf(methods, handlers as Record<string, Handler>)
  const running = Running.make()
  const ground = makeGround(services as Context.Context<never>)
  const serve = (call: Call): Serving | Failure => {
    if (running.refusing) return failure("Unavailable", `This instance of ${contract.key} is leaving`)
    const route = routes.get(call.method)
    if (route === undefined) return failure("Unimplemented", `${contract.key} has no method ${call.method}`)
    const coders = codersOf(call, route.method, codec)
    return typeof coders === "string"
      ? failure("Malformed", coders)
      : { _tag: "Serving", route, coders, call, ground, running }
  }

  const stream: Exchange["stream"] = (call, messages) =>
    Stream.suspend(() => {
      const serving = serve(call)
      return serving._tag === "Failure"
        ? Stream.succeed(serving)
        : Stream.unwrap(Effect.as(running.scoped, streamed(serving, messages)))
    })
  const unary: Exchange["unary"] = (call, message) =>
    Effect.suspend(() => {
      const serving = serve(call)
      if (serving._tag === "Failure") return Effect.succeed(serving)
      const { streamsIn, streamsOut } = serving.route.method
      return streamsIn || streamsOut ? head(stream(call, message), call) : single(serving, message)
    })
  return { exchange: { unary, stream }, drain: running.drain, methods }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Each method with its handler, by its name and by its endpoint. */
const routesOf = (
  methods: ReadonlyArray<Method>,
  handlers: Readonly<Record<string, Handler>>
): ReadonlyMap<string, Route> =>
  new Map(methods.flatMap((method) => {
    const route: Route = { method, handler: handlers[method.name] }
    return [[method.name, route], [method.endpoint, route]]
  }))

/** What handlers run on. */
interface Ground {
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  /** Whether somebody records the spans made here. */
  readonly records: boolean
}

const makeGround = (services: Context.Context<never>): Ground => {
  const context = Running.base(services)
  return {
    context,
    clock: Context.get(context, Clock.Clock),
    records:
      Context.getOrUndefined(context, Tracer.Tracer as unknown as Context.Key<never, Tracer.Tracer>) !== undefined
  }
}

/** A call that has a handler. */
interface Serving {
  readonly _tag: "Serving"
  readonly route: Route
  readonly coders: Answering
  readonly call: Call
  readonly ground: Ground
  readonly running: Running.Running
}

/** The coders of the formats that a call is in and wants its answer in; or why there are none. */
const codersOf = (call: Call, method: Method, codec: Codec["Service"]): Answering | string => {
  const { contentType } = call
  const problem = Accept.problemOf(call, method)
  if (problem !== undefined) return problem
  const read = codec.find(contentType)
  if (read === undefined) return new UnknownContentType({ contentType, spoken: codec.contentTypes }).message
  const write = Accept.choose(call, read, codec)
  return write === undefined
    ? `No content type that is accepted is spoken here; ${codec.contentTypes.join(", ")} can be`
    : method.answering(read, write)
}

/** One message in, one out: the road of a unary call, without a stream on it. */
const single = (serving: Serving, message: Uint8Array): Effect.Effect<Reply> => {
  const { call, coders, ground, route, running } = serving
  const payload = coders.payload.decode(message)
  if (payload._tag === "Failure") return Effect.succeed(malformed(payload.cause))
  const handled = route.handler(payload.value) as Effect.Effect<unknown, unknown>
  // A handler that is done already needs neither a context nor a place among those that run.
  if (!ground.records && Exit.isExit(handled)) {
    return Effect.succeed(answer(handled as Exit.Exit<unknown, unknown>, coders, call))
  }
  const replied: Effect.Effect<Reply> = Effect.matchCause(handled, {
    onSuccess: (value) => success(value, coders),
    onFailure: (cause) => failed(cause, coders, call)
  })
  return Effect.withFiber((fiber) => {
    running.enter()
    fiber.addObserver(running.leave)
    const parent = parentOf(call)
    const spanned = isSpanned(ground, parent)
      ? Trace.around(() => replied, "server", call.service, call.method, parent)
      : replied
    return Effect.updateContext(spanned, () => contextOf(serving, parent))
  })
}

/** The road of every other kind of call. */
const streamed = (serving: Serving, messages: Uint8Array | Stream.Stream<Uint8Array>): Stream.Stream<Reply> => {
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
  const replies = Chunks.replies(
    values,
    (value) => success(value, coders),
    (cause) => failed(cause, coders, call)
  )
  const parent = parentOf(call)
  const spanned = isSpanned(ground, parent)
    ? Stream.unwrap(Effect.map(
      Trace.scoped("server", call.service, call.method, parent),
      (span) => Stream.provideService(replies, Tracer.ParentSpan, span)
    ))
    : replies
  return Stream.suspend(() => Running.within(spanned, contextOf(serving, parent)))
}

/** The span that the caller's side told of. */
const parentOf = (call: Call): Tracer.ExternalSpan | undefined => {
  const traceparent = call.headers["traceparent"]
  return traceparent === undefined ? undefined : Trace.parse(traceparent)
}

const isSpanned = (ground: Ground, parent: Tracer.AnySpan | undefined): boolean =>
  ground.records && parent?.sampled !== false

/** The context of a handler: that of its layer, with the call, its deadline and its trace. */
const contextOf = ({ call, ground }: Serving, parent: Tracer.AnySpan | undefined): Context.Context<never> => {
  let context = Context.add(ground.context, CurrentCall, call)
  if (call.timeout !== undefined) context = Context.add(context, CurrentDeadline, now(ground.clock) + call.timeout)
  return parent === undefined ? context : Context.add(context, Tracer.ParentSpan, parent)
}

const answer = (exit: Exit.Exit<unknown, unknown>, coders: Answering, call: Call): Reply =>
  exit._tag === "Success" ? success(exit.value, coders) : failed(exit.cause, coders, call)

const success = (value: unknown, coders: Coders): Reply => {
  const bytes = coders.success.encode(value)
  return bytes._tag === "Success" ? bytes.value : malformed(bytes.cause)
}

/** A handler that did not succeed: its declared error, an `RpcError` passed on, or a defect. */
const failed = (cause: Cause.Cause<unknown>, coders: Answering, call: Call): Reply => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "None") return defect(cause)
  if (error.value instanceof RpcError) return passedOn(error.value)
  const bytes = coders.error.encode(error.value)
  Accept.tell(call, coders.errorType)
  return bytes._tag === "Success"
    ? failure("Error", bytes.value)
    : failure("Defect", `${call.method} failed with an error that its contract does not declare`)
}

// This handler has run, whatever became of the call it made: a status that invites to try elsewhere would be a lie.
const passedOn = ({ reason }: RpcError): Failure =>
  failure(
    reason._tag === "DeadlineExceeded" || reason._tag === "Malformed" ? reason._tag : "Defect",
    reason.message
  )

const malformed = (cause: Cause.Cause<unknown>): Failure => {
  const error = Cause.squash(cause)
  return failure("Malformed", error instanceof Error ? error.message : String(error))
}

const decoded = (
  messages: Uint8Array | Stream.Stream<Uint8Array>,
  coders: Coders,
  call: Call
): Stream.Stream<unknown, RpcError> => {
  const explain = (cause: CodecError) =>
    RpcErrors.make("Malformed", { service: call.service, method: call.method, cause })
  return messages instanceof Uint8Array
    ? Stream.fromEffect(Effect.mapError(coders.payload.decode(messages), explain))
    : Chunks.coded(messages, coders.payload.decode, explain)
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

const head = (replies: Stream.Stream<Reply>, call: Call): Effect.Effect<Reply> =>
  Effect.map(
    Stream.runHead(replies),
    (option) => option._tag === "Some" ? option.value : failure("Defect", `${call.method} answered with nothing`)
  )
