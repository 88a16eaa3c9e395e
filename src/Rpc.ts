/**
 * Contracts called and answered, wherever the other end lives.
 *
 * `layerClient` gives a contract its functions, `layerServer` answers them with handlers, and the `Rpc` between the two
 * decides the road: another process found through a registry (`Layers/NetworkRpc`), or a handler in this one
 * (`Layers/LocalRpc`). Neither caller nor handler can tell.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Contract from "./Contract.ts"
import * as Priority from "./internal/rpc/priority.ts"
import { provided } from "./internal/rpc/provided.ts"
import type { Call } from "./Transport.ts"

/** Calls contracts and answers them. */
export class Rpc extends Context.Service<Rpc, {
  /** The functions of a contract. Dies where a schema cannot be written in the formats at hand. */
  readonly client: <M extends Contract.Methods>(contract: Contract.Definition<M>) => Effect.Effect<
    Contract.Procedures<M>
  >
  /** Answers a contract until the scope closes: then new calls are refused, and running ones may finish. */
  readonly serve: <M extends Contract.Methods, R>(
    contract: Contract.Definition<M>,
    handlers: Contract.Procedures<M, R>
  ) => Effect.Effect<void, ServeError, R | Scope.Scope>
}>()("effect-micro/Rpc") {}

/** The client of a contract. */
export const layerClient = <Self, Name extends string, M extends Contract.Methods>(
  contract: Contract.Service<Self, Name, M>
): Layer.Layer<Self, never, Rpc> => Layer.effect(contract, Effect.flatMap(Rpc, (rpc) => rpc.client(contract)))

/** What the handlers of a record need, all together. */
export type HandlerServices<H> = {
  readonly [K in keyof H]: H[K] extends (...args: never) => infer X ? ServicesOf<X> : never
}[keyof H]

type ServicesOf<X> = X extends Stream.Stream<infer _A, infer _E, infer R> ? R
  : X extends Effect.Effect<infer _A, infer _E, infer R> ? R
  : never

/**
 * Answers a contract with handlers, for as long as the layer lives.
 *
 * **Details**
 *
 * Handlers are a record, or an effect that builds one. The services they need become needs of the layer.
 *
 * **Example** (A service)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Contract from "effect-micro/Contract"
 * import * as Rpc from "effect-micro/Rpc"
 *
 * class Greeter extends Contract.Service<Greeter>()("greeter", {
 *   hello: Contract.method({ payload: { name: Schema.String }, success: Schema.String })
 * }) {}
 *
 * export const GreeterServer = Rpc.layerServer(Greeter, {
 *   hello: ({ name }) => Effect.succeed(`Hello, ${name}`)
 * })
 * ```
 */
export const layerServer: {
  <
    Self,
    Name extends string,
    M extends Contract.Methods,
    H extends Contract.Procedures<M, any>,
    EX = never,
    RX = never
  >(
    contract: Contract.Service<Self, Name, M>,
    build: Effect.Effect<H, EX, RX>
  ): Layer.Layer<never, ServeError | EX, Rpc | HandlerServices<H> | Exclude<RX, Scope.Scope>>
  <Self, Name extends string, M extends Contract.Methods, H extends Contract.Procedures<M, any>>(
    contract: Contract.Service<Self, Name, M>,
    handlers: H
  ): Layer.Layer<never, ServeError, Rpc | HandlerServices<H>>
} = <Self, Name extends string, M extends Contract.Methods, R, EX, RX>(
  contract: Contract.Service<Self, Name, M>,
  build: Contract.Procedures<M, R> | Effect.Effect<Contract.Procedures<M, R>, EX, RX>
): Layer.Layer<never, ServeError | EX, Rpc | R | Exclude<RX, Scope.Scope>> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const rpc = yield* Rpc
    const handlers = Effect.isEffect(build) ? yield* build : build
    yield* rpc.serve(contract, handlers)
  }))

/** Handlers with one need less: the service that is made for each call, in exchange for what making it needs and fails with. */
export type Provided<H, I, E, R> = {
  readonly [K in keyof H]: H[K] extends (payload: infer P) => infer X ? (
      payload: P
    ) => X extends Stream.Stream<infer A, infer E0, infer R0> ? Stream.Stream<A, E0 | E, Exclude<R0, I> | R>
      : X extends Effect.Effect<infer A, infer E0, infer R0> ? Effect.Effect<A, E0 | E, Exclude<R0, I> | R>
      : never
    : never
}

/**
 * Gives handlers a service that is made for each call: who calls, a transaction.
 *
 * **Details**
 *
 * The service is made when the call has come, with `CurrentCall` at hand, and the handler is called only then: where making
 * it fails, the call ends with that error and no handler runs. Every method must declare the error.
 */
export const provideServiceEffect = <M extends Contract.Methods, H extends Contract.Procedures<M, any>, I, S, E, R>(
  contract: Contract.Definition<M>,
  handlers: H,
  service: Context.Key<I, S>,
  make: Effect.Effect<S, E, R>
): Provided<H, I, E, R> =>
  // The cast gives back what the record of whatever methods had to forget.
  provided(contract.methods, handlers, service, make) as Provided<H, I, E, R>

/** The call being answered, for a handler that wants its metadata. */
export const CurrentCall: Context.Reference<Call | undefined> = Context.Reference<Call | undefined>(
  "effect-micro/Rpc/CurrentCall",
  { defaultValue: () => undefined }
)

/** When the calls made here must have been answered, in milliseconds of the monotonic clock; a handler has its caller's. */
export const CurrentDeadline: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "effect-micro/Rpc/CurrentDeadline",
  { defaultValue: () => undefined }
)

/** Metadata sent with the calls made here. What a handler was sent is not passed on. */
export const CurrentHeaders: Context.Reference<Readonly<Record<string, string>>> = Context.Reference<
  Readonly<Record<string, string>>
>("effect-micro/Rpc/CurrentHeaders", { defaultValue: () => ({}) })

/** The key of the calls made here. What a handler was called with is not passed on. */
export const CurrentKey: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "effect-micro/Rpc/CurrentKey",
  { defaultValue: () => undefined }
)

/** Gives the calls made inside so much time, all together. An earlier deadline around it stands. */
export const withTimeout: {
  (duration: Duration.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, duration: Duration.Input): Effect.Effect<A, E, R> =>
    Effect.gen(function*() {
      const outer = yield* CurrentDeadline
      const own = Number(yield* Clock.monotonicTimeNanos) / 1e6 + Duration.toMillis(duration)
      return yield* Effect.provideService(self, CurrentDeadline, outer === undefined ? own : Math.min(outer, own))
    })
)

/** Sends metadata with the calls made inside. Names are lower-cased; what is set around it is kept. */
export const withHeaders: {
  (headers: Readonly<Record<string, string>>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, headers: Readonly<Record<string, string>>): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, headers: Readonly<Record<string, string>>): Effect.Effect<A, E, R> =>
    Effect.flatMap(CurrentHeaders, (outer) => {
      const inner = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
      return Effect.provideService(self, CurrentHeaders, { ...outer, ...inner })
    })
)

/** Sends the calls made inside to the instance that the key belongs to, where the selector is one that hashes. */
export const withKey: {
  (key: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, key: string): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, key: string): Effect.Effect<A, E, R> =>
    Effect.provideService(self, CurrentKey, key)
)

/**
 * Says how urgent the calls made inside are: a server that has too much to do refuses those of low priority first.
 *
 * **Details**
 *
 * It goes along with the call, and the calls that its handler makes have the priority of their caller.
 */
export const withPriority: {
  (priority: "normal" | "low"): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, priority: "normal" | "low"): Effect.Effect<A, E, R>
} = dual(
  2,
  <A, E, R>(self: Effect.Effect<A, E, R>, priority: "normal" | "low"): Effect.Effect<A, E, R> =>
    withHeaders(self, { [Priority.header]: priority })
)

/** A contract cannot be answered here: the port is in use, the name cannot be registered, it is answered already. */
export class ServeError extends Schema.TaggedError<ServeError>("effect-micro/Rpc/ServeError")("ServeError", {
  service: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `${this.service} cannot be served: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}
