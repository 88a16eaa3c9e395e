/** Fleets for tests on virtual time: members and clients that share one network in memory. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Contract from "../../src/Contract.ts"
import { MemoryTransportLive } from "../../src/Layers/MemoryTransport.ts"
import { ConnectionLost, layerWrap, type Reply, Transport, TransportError } from "../../src/Transport.ts"
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
    ) =>
      Effect.map(
        // These tests say themselves when a server refuses.
        serve(contract, handlers, { transport, options: { limit: false }, ...parts }),
        ({ address }) => address
      ),
    /** Calls members at addresses, known as `a`, `b`, …. */
    client: <Self, Name extends string, M extends Contract.Methods>(
      contract: Contract.Service<Self, Name, M>,
      addresses: ReadonlyArray<string>,
      parts?: Parts
    ) => client(contract, { transport, registry: knowing(contract.key, ...addresses), ...parts })
  }
})

/** A transport whose servers say something else to unary calls, where `answer` says what. */
export const answering = (
  transport: Layer.Layer<Transport>,
  answer: Effect.Effect<Reply | undefined>
): Layer.Layer<Transport> =>
  layerWrap({
    server: (next) => ({
      unary: (call, message) =>
        Effect.flatMap(answer, (reply) => reply === undefined ? next.unary(call, message) : Effect.succeed(reply)),
      stream: next.stream
    })
  }).pipe(Layer.provide(transport))

/** A transport whose connections break under each unary call, once the call has run. */
export const breaking = (transport: Layer.Layer<Transport>): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (transport) =>
      Transport.of({
        ...transport,
        connect: (address) =>
          Effect.map(transport.connect(address), (connection) => ({
            ...connection,
            unary: (call, message) =>
              Effect.andThen(
                connection.unary(call, message),
                Effect.fail(new TransportError({ reason: new ConnectionLost({ address }) }))
              )
          }))
      }))
  ).pipe(Layer.provide(transport))
