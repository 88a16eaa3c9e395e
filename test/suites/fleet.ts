/** Fleets for tests: members with ports and connections of their own, on the loopback interface. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import type * as Contract from "../../src/Contract.ts"
import * as Selection from "../../src/internal/selection.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { MemoryTransportLive } from "../../src/Layers/MemoryTransport.ts"
import * as NetworkRpc from "../../src/Layers/NetworkRpc.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import * as StaticRegistry from "../../src/Layers/StaticRegistry.ts"
import { Instance, Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import type { Selector } from "../../src/Selector.ts"
import type { Transport } from "../../src/Transport.ts"

/** What a member is made of, where a test cares. */
export interface Parts {
  readonly registry?: Layer.Layer<Registry, unknown> | undefined
  readonly selector?: Layer.Layer<Selector, never, Registry> | undefined
  readonly transport?: Layer.Layer<Transport> | undefined
  readonly options?: NetworkRpc.Options | undefined
}

/** An `Rpc` over HTTP, unless told otherwise. Without a registry, it is a network of its own. */
export const network = (parts?: Parts): Layer.Layer<Rpc.Rpc, unknown> =>
  NetworkRpc.layer(parts?.options).pipe(
    Layer.provide([parts?.selector ?? RandomSelectorLive, JsonCodecLive, parts?.transport ?? overHttp()]),
    Layer.provide(parts?.registry ?? MemoryRegistryLive),
    Layer.fresh
  )

/** A transport on the loopback interface, on a free port. */
export const overHttp = (options?: HttpTransport.Options): Layer.Layer<Transport> =>
  HttpTransport.layer({ host: "127.0.0.1", ...options })

/** An `Rpc` within the process. */
export const inMemory = (parts?: Parts): Layer.Layer<Rpc.Rpc, unknown> =>
  network({ transport: MemoryTransportLive, ...parts })

/** A registry that changes what is registered with it. */
export const registering = (
  change: (instance: Instance) => Instance,
  registry: Layer.Layer<Registry, unknown> = MemoryRegistryLive
): Layer.Layer<Registry, unknown> =>
  Layer.effect(
    Registry,
    Effect.map(Registry, (registry) =>
      Registry.of({
        ...registry,
        register: (instance) => Effect.suspend(() => registry.register(change(instance)))
      }))
  ).pipe(Layer.provide(registry))

/** Lends the first candidate, in the order of ids. */
export const FirstSelector: Layer.Layer<Selector, never, Registry> = Selection.layer(
  Effect.succeed({ pick: ({ candidates }) => candidates[0] })
)

/** A registry that knows instances `a`, `b`, … of a service at these addresses. */
export const knowing = (service: string, ...addresses: ReadonlyArray<string>): Layer.Layer<Registry, unknown> =>
  StaticRegistry.layer(addresses.map((address, index) =>
    new Instance({
      id: String.fromCharCode(97 + index),
      service,
      version: "",
      address,
      metadata: {},
      endpoints: []
    })
  ))

/** A registry that all members of a fleet share. */
export const makeRegistry: Effect.Effect<Registry["Service"], never, Scope.Scope> = Effect.map(
  Layer.build(Layer.fresh(MemoryRegistryLive)),
  Context.get(Registry)
)

/** A member of a fleet that answers a contract, until it leaves. */
export interface Member {
  readonly address: string
  /** Closes all that the member is, in order; completes when it has gone. */
  readonly leave: Effect.Effect<void>
}

/** Starts a member that answers a contract. */
export const serve = <Self, Name extends string, M extends Contract.Methods>(
  contract: Contract.Service<Self, Name, M>,
  handlers: Contract.Procedures<M>,
  parts?: Parts
): Effect.Effect<Member, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    let address = ""
    const noting = registering((instance) => {
      address = instance.address
      return instance
    }, parts?.registry)
    const server = Rpc.layerServer(contract, handlers as Contract.Procedures<M, never>).pipe(
      Layer.provide(network({ ...parts, registry: noting }))
    )
    yield* Effect.orDie(Layer.buildWithScope(server as Layer.Layer<never, unknown>, scope))
    return { address, leave: Scope.close(scope, Exit.void) }
  })

/** A client of a contract, with connections of its own. */
export const client = <Self, Name extends string, M extends Contract.Methods>(
  contract: Contract.Service<Self, Name, M>,
  parts?: Parts
): Effect.Effect<Contract.Procedures<M>, never, Scope.Scope> =>
  Effect.map(
    Effect.orDie(Layer.build(Layer.provide(Rpc.layerClient(contract), network(parts)))),
    (context) => Context.get(context, contract)
  )

/** An address that nobody listens on: its port is kept for a service that is no more. */
export const deadAddress = "micro://127.0.0.1:1"

/** Stands between a client and a member, and cuts the wire when told. */
export const relay = (address: string) =>
  Effect.map(
    listen((socket, sockets) => {
      const url = new URL(address)
      const onward = Net.connect({ host: url.hostname, port: Number(url.port) })
      sockets.add(onward)
      for (const [from, to] of [[socket, onward], [onward, socket]] as const) {
        from.on("error", () => to.destroy())
        from.on("close", () => to.destroy())
        from.pipe(to)
      }
    }),
    ({ port, sockets }) => ({
      address: `micro://127.0.0.1:${port}`,
      cut: Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        sockets.clear()
      })
    })
  )

// ---------------------------------------------------------------------------------------------------------------------

interface Listening {
  readonly port: number
  readonly sockets: Set<Net.Socket>
}

/** Listens on the loopback interface until the scope closes. */
function listen(accept: (socket: Net.Socket, sockets: Set<Net.Socket>) => void) {
  return Effect.acquireRelease(
    Effect.callback<Listening & { readonly server: Net.Server }>((resume) => {
      const sockets = new Set<Net.Socket>()
      const server = Net.createServer((socket) => {
        sockets.add(socket)
        accept(socket, sockets)
      })
      server.listen(0, "127.0.0.1", () => {
        resume(Effect.succeed({ port: (server.address() as Net.AddressInfo).port, sockets, server }))
      })
    }),
    ({ server, sockets }) =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
}
