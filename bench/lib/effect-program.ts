/**
 * A service and its callers, written as a user would.
 */
import * as Contract from "effect-micro/Contract"
import * as HttpTransport from "effect-micro/Layers/HttpTransport"
import { JsonCodecLive } from "effect-micro/Layers/JsonCodec"
import { NetworkRpcLive } from "effect-micro/Layers/NetworkRpc"
import { RandomSelectorLive } from "effect-micro/Layers/RandomSelector"
import * as StaticRegistry from "effect-micro/Layers/StaticRegistry"
import { Registry } from "effect-micro/Registry"
import * as Rpc from "effect-micro/Rpc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Client, Discovery } from "./contender.ts"
import * as Loops from "./effect-loops.ts"
import { message } from "./workload.ts"

const Message = Schema.Struct({ id: Schema.Number, name: Schema.String })
const Text = Schema.Struct({ id: Schema.Number, text: Schema.String })
const Bytes = Schema.Struct({ id: Schema.Number, bytes: Schema.Uint8Array })

/** What is called. */
export class Echo extends Contract.Service<Echo>()("echo", {
  echo: Contract.method({ payload: Message, success: Message, idempotent: true }),
  text: Contract.method({ payload: Text, success: Text, idempotent: true }),
  bytes: Contract.method({ payload: Bytes, success: Bytes, idempotent: true }),
  range: Contract.method({
    payload: { length: Schema.Number, chunked: Schema.Boolean },
    success: Contract.stream(Message)
  }),
  pong: Contract.method({ payload: Contract.stream(Message), success: Contract.stream(Message) })
}) {}

/** Starts the service; gives its address. */
export const serve = async (discovery: Discovery): Promise<string> => {
  const registry = await registryOf(discovery, {})
  const runtime = ManagedRuntime.make(
    EchoServer.pipe(Layer.provide(network(discovery)), Layer.provideMerge(registry))
  )
  return runtime.runPromise(address)
}

/** Finds the service, by its address or over multicast DNS. */
export const connect = async (address: string, discovery: Discovery): Promise<Client> => {
  const registry = await registryOf(discovery, { echo: [address] })
  return client(Rpc.layerClient(Echo).pipe(Layer.provide(network(discovery)), Layer.provide(registry)))
}

/** The calling half of whatever provides the service. */
export const client = <E>(layer: Layer.Layer<Echo, E>): Client => {
  const runtime = ManagedRuntime.make(layer)
  return {
    once: () => runtime.runPromise(Effect.flatMap(Echo, (echo) => echo.echo(message(1)))),
    drive: (workload, meter) => runtime.runPromise(Effect.flatMap(Echo, (echo) => Loops.drive(echo, workload, meter)))
  }
}

/** The handlers of the service. */
export const EchoServer = Rpc.layerServer(Echo, {
  echo: Effect.succeed,
  text: Effect.succeed,
  bytes: Effect.succeed,
  range: Loops.range,
  pong: (messages) => messages
})

// ---------------------------------------------------------------------------------------------------------------------

/** What multicast DNS tells must be an address of the network, not the loopback's. */
const network = (discovery: Discovery) =>
  NetworkRpcLive.pipe(
    Layer.provide([
      JsonCodecLive,
      RandomSelectorLive,
      HttpTransport.layer(discovery === "static" ? { host: "127.0.0.1" } : undefined)
    ])
  )

/** What is not used is not loaded, so that a start is that of the parts which are. */
const registryOf = async (discovery: Discovery, fleet: StaticRegistry.Addresses) =>
  discovery === "static"
    ? StaticRegistry.layer(fleet)
    : (await import("effect-micro/Layers/MdnsRegistry")).MdnsRegistryLive

const address = Effect.gen(function*() {
  const registry = yield* Registry
  const instances = yield* registry.watch("echo").pipe(
    Stream.filter((list) => list.length > 0),
    Stream.runHead
  )
  return Option.getOrThrow(instances)[0].address
})
