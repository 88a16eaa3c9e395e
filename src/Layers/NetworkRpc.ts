/**
 * Contracts called and answered over the network: registry, selector, codec and transport, composed.
 *
 * To serve is to listen, then to be registered; to leave is the reverse: the instance leaves the registry, refuses new
 * calls so that clients move on, lets running calls finish, and then stops listening. To call is to be lent an instance,
 * to reach it, and to move to another one when the first never took the call.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { Codec } from "../Codec.ts"
import type * as Contract from "../Contract.ts"
import * as Connections from "../internal/connections.ts"
import * as Id from "../internal/id.ts"
import * as Admission from "../internal/rpc/admission.ts"
import * as Caller from "../internal/rpc/caller.ts"
import * as Dispatcher from "../internal/rpc/dispatcher.ts"
import * as Loads from "../internal/rpc/loads.ts"
import * as Policy from "../internal/rpc/policy.ts"
import * as Target from "../internal/rpc/target.ts"
import { Endpoint, Instance, Registry, type RegistryError } from "../Registry.ts"
import { Rpc, ServeError } from "../Rpc.ts"
import { Selector } from "../Selector.ts"
import { Transport, type TransportError } from "../Transport.ts"

export interface Options {
  /** What a unary call may take where nobody set a deadline. Default 5 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** How calls are tried again. */
  readonly retry?: Policy.RetryOptions | undefined
  /** Whether calls are refused here while most calls to a service are refused for overload. Default true. */
  readonly throttle?: boolean | undefined
  /** How long running calls may go on once the server leaves. Default 30 seconds. */
  readonly drain?: Duration.Input | undefined
  /** How many calls of a service run at once; false lets all of them. */
  readonly limit?: Admission.Options | false | undefined
  /** What every instance tells of itself: zone, weight, labels. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

/** An `Rpc` over the network. */
export const make = Effect.fnUntraced(function*(options?: Options) {
  const codec = yield* Codec
  const registry = yield* Registry
  const transport = yield* Transport
  const policy = Policy.make(options?.retry, options?.throttle)
  const targets = Target.make(policy, yield* Effect.context<never>())
  yield* Effect.addFinalizer(() => Effect.sync(targets.close))
  const connections = yield* Connections.make(transport)
  const road = {
    codec,
    policy,
    target: targets.of,
    selector: yield* Selector,
    choice: { loads: Loads.make(connections) },
    connections,
    doubt: registry.doubt,
    timeout: Duration.toMillis(options?.timeout ?? "5 seconds")
  }
  const drain = Duration.fromInputUnsafe(options?.drain ?? "30 seconds")

  const serve = Effect.fnUntraced(function*<M extends Contract.Methods, R>(
    contract: Contract.Definition<M>,
    handlers: Contract.Procedures<M, R>
  ): Effect.fn.Return<void, RegistryError | TransportError, R | Scope.Scope> {
    const limit = options?.limit
    const admission = limit === false ? undefined : yield* Admission.make(contract.key, limit)
    const dispatcher = Dispatcher.make(contract, handlers, codec, yield* Effect.context<R>(), admission)
    yield* Effect.addFinalizer(() => Effect.sync(dispatcher.forget))
    const address = yield* transport.listen(contract.key, dispatcher.exchange)
    yield* Effect.addFinalizer(() =>
      Effect.timeoutOrElse(dispatcher.drain, {
        duration: drain,
        orElse: () =>
          Effect.logWarning(`Calls of ${contract.key} still run after ${Duration.format(drain)}: they are interrupted`)
      })
    )
    const instance = new Instance({
      id: `${contract.key}-${yield* Id.make}`,
      service: contract.key,
      version: contract.version,
      address,
      metadata: { ...options?.metadata },
      endpoints: dispatcher.methods.map((method) => new Endpoint({ name: method.endpoint, metadata: kind(method) }))
    })
    yield* registry.register(instance)
  })

  return Rpc.of({
    client: (contract) => Effect.sync(() => Caller.make(road, contract)),
    serve: (contract, handlers) =>
      Effect.mapError(serve(contract, handlers), (cause) => new ServeError({ service: contract.key, cause }))
  })
})

/** An `Rpc` over the network. */
export const layer = (
  options?: Options
): Layer.Layer<Rpc, never, Codec | Registry | Selector | Transport> => Layer.effect(Rpc, make(options))

/** An `Rpc` over the network, with every default. */
export const NetworkRpcLive: Layer.Layer<Rpc, never, Codec | Registry | Selector | Transport> = layer()

// ---------------------------------------------------------------------------------------------------------------------

/** What an endpoint tells of itself: nothing, unless it streams. */
const kind = (method: { readonly streamsIn: boolean; readonly streamsOut: boolean }): Record<string, string> =>
  method.streamsIn || method.streamsOut
    ? { stream: method.streamsIn ? method.streamsOut ? "both" : "payload" : "success" }
    : {}
