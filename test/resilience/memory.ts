/** Fleets for tests on virtual time: members and clients that share one network in memory. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Contract from "../../src/Contract.ts"
import { MemoryTransportLive } from "../../src/Layers/MemoryTransport.ts"
import { Transport } from "../../src/Transport.ts"
import { client, knowing, type Parts, serve } from "../suites/fleet.ts"

/** A network in memory, until the scope closes. Its members are known to clients by their addresses alone. */
export const makeMemory = Effect.gen(function*() {
  const transport = Layer.succeed(
    Transport,
    Context.get(yield* Layer.build(Layer.fresh(MemoryTransportLive)), Transport)
  )
  return {
    transport,
    /** Answers a contract; returns the address. */
    serve: <Self, Name extends string, M extends Contract.Methods>(
      contract: Contract.Service<Self, Name, M>,
      handlers: Contract.Procedures<M>,
      parts?: Parts
    ) => Effect.map(serve(contract, handlers, { transport, ...parts }), ({ address }) => address),
    /** Calls members at addresses, known as `a`, `b`, …. */
    client: <Self, Name extends string, M extends Contract.Methods>(
      contract: Contract.Service<Self, Name, M>,
      addresses: ReadonlyArray<string>,
      parts?: Parts
    ) => client(contract, { transport, registry: knowing(contract.key, ...addresses), ...parts })
  }
})
