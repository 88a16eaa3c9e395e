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
import type { Codec } from "../Codec.ts"
import type * as Contract from "../Contract.ts"
import { CurrentCall, CurrentDeadline } from "../Rpc.ts"
import { RpcError } from "../RpcError.ts"
import * as RpcErrors from "../RpcError.ts"
import { type Call, type Exchange, type Failure, failure, type Reply } from "../Transport.ts"
import { defect } from "./answering.ts"
import type { Coders, Method } from "./methods.ts"
import * as Methods from "./methods.ts"
import * as Running from "./running.ts"
import * as Trace from "./trace.ts"
import { now } from "./wheel.ts"

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
  const routes = new Map<string, Route>()
  for (const method of methods) {
    const route = { method, handler: (handlers as Record<string, Handler>)[method.name] }
    routes.set(method.name, route)
    routes.set(method.endpoint, route)
  }
  const base = Running.base(services as Context.Context<never>)
  const running = Running.make()
  const serve = (call: Call): Serving | Failure => {
    if (running.refusing) return failure("Unavailable", `This instance of ${contract.key} is leaving`)
    const route = routes.get(call.method)
    if (route === undefined) return failure("Unimplemented", `${contract.key} has no method ${call.method}`)
    const format = codec.find(call.contentType)
    return format === undefined
      ? failure("Malformed", `Content type ${call.contentType} is not spoken here; ${codec.preferred.contentType} is`)
      : { route, coders: route.method.coders(format) }
  }

  const stream: Exchange["stream"] = (call, messages) => {
    const serving = serve(call)
    if (isFailure(serving)) return Stream.succeed(serving)
    return Stream.unwrap(Effect.as(running.scoped, streamed(serving, call, messages, base)))
  }
  const unary: Exchange["unary"] = (call, message) =>
    Effect.withFiber((fiber) => {
      const serving = serve(call)
      if (isFailure(serving)) return Effect.succeed(serving)
      const { method } = serving.route
      if (method.streamsIn || method.streamsOut) return head(stream(call, message), call)
      running.enter()
      fiber.addObserver(running.leave)
      return single(serving, call, message, base)
    })
  return { exchange: { unary, stream }, drain: running.drain, methods }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Serving {
  readonly route: Route
  readonly coders: Coders
}

const isFailure = (serving: Serving | Failure): serving is Failure => "_tag" in serving

/** One message in, one out: the road of a unary call, without a stream on it. */
const single = (
  { coders, route }: Serving,
  call: Call,
  message: Uint8Array,
  base: Context.Context<never>
): Effect.Effect<Reply> => {
  const payload = coders.payload.decode(message)
  if (payload._tag === "Failure") return Effect.succeed(malformed(payload.cause))
  return inContext(call, base, (context) => {
    const effect = route.handler(payload.value) as Effect.Effect<unknown, unknown>
    // A handler that is done already needs neither a context nor a frame on the stack.
    if (Exit.isExit(effect)) return Effect.succeed(answer(effect as Exit.Exit<unknown, unknown>, coders, call))
    const replied: Effect.Effect<Reply> = Effect.matchCause(effect, {
      onSuccess: (value) => success(value, coders),
      onFailure: (cause) => failed(cause, coders, call)
    })
    return Effect.updateContext(replied, () => context)
  })
}

/** The road of every other kind of call. */
const streamed = (
  { coders, route }: Serving,
  call: Call,
  messages: Uint8Array | Stream.Stream<Uint8Array>,
  base: Context.Context<never>
): Stream.Stream<Reply> => {
  const { method } = route
  const payloads = decoded(messages, coders, call)
  const invoke = (context: Context.Context<never>): Stream.Stream<Reply> => {
    const run = (payload: unknown): Stream.Stream<unknown, unknown> => {
      const result = route.handler(payload)
      return method.streamsOut
        ? result as Stream.Stream<unknown, unknown>
        : Stream.fromEffect(result as Effect.Effect<unknown, unknown>)
    }
    const values = method.streamsIn
      ? Stream.suspend(() => run(payloads))
      : Stream.unwrap(Effect.map(first(payloads, call), run))
    return values.pipe(
      Stream.mapArray((chunk) => encoded(chunk, coders)),
      Stream.takeUntil((reply) => !(reply instanceof Uint8Array)),
      Stream.catchCause((cause) => Stream.succeed(failed(cause, coders, call))),
      Stream.updateContext(() => context)
    )
  }
  return Stream.unwrap(inContext(call, base, (context) => Effect.succeed(invoke(context))))
}

/** Runs what answers a call in the context of its handler: the call, its deadline, its trace. */
const inContext = <A>(
  call: Call,
  base: Context.Context<never>,
  use: (context: Context.Context<never>) => Effect.Effect<A>
): Effect.Effect<A> =>
  Effect.withFiber((fiber) => {
    let context = Context.add(base, CurrentCall, call)
    if (call.timeout !== undefined) {
      context = Context.add(context, CurrentDeadline, now(fiber.getRef(Clock.Clock)) + call.timeout)
    }
    const traceparent = call.headers["traceparent"]
    const parent = traceparent === undefined ? undefined : Trace.parse(traceparent)
    if (Trace.isRecording(fiber, parent)) {
      return Trace.around(
        (span) => use(Context.add(context, Tracer.ParentSpan, span)),
        "server",
        call.service,
        call.method,
        parent
      )
    }
    return use(parent === undefined ? context : Context.add(context, Tracer.ParentSpan, parent))
  })

const answer = (exit: Exit.Exit<unknown, unknown>, coders: Coders, call: Call): Reply =>
  exit._tag === "Success" ? success(exit.value, coders) : failed(exit.cause, coders, call)

const success = (value: unknown, coders: Coders): Reply => {
  const bytes = coders.success.encode(value)
  return bytes._tag === "Success" ? bytes.value : malformed(bytes.cause)
}

/** The replies of a chunk of values; what follows one that cannot be encoded is cut off. */
const encoded = (values: ReadonlyArray<unknown>, coders: Coders): [Reply, ...Array<Reply>] =>
  values.map((value) => success(value, coders)) as [Reply, ...Array<Reply>]

/** A handler that did not succeed: its declared error, an `RpcError` passed on, or a defect. */
const failed = (cause: Cause.Cause<unknown>, coders: Coders, call: Call): Reply => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "None") return defect(cause)
  if (error.value instanceof RpcError) return passedOn(error.value)
  const bytes = coders.error.encode(error.value)
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
  const decode = (message: Uint8Array) =>
    Effect.mapError(
      coders.payload.decode(message),
      (cause) => RpcErrors.make("Malformed", { service: call.service, method: call.method, cause })
    )
  return messages instanceof Uint8Array ? Stream.fromEffect(decode(messages)) : Stream.mapEffect(messages, decode)
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
