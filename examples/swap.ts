/**
 * One program, three worlds: which one is a choice of layers, and the program cannot tell.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { JsonCodecLive } from "effect-micro/Layers/JsonCodec"
import { LocalRpcLive } from "effect-micro/Layers/LocalRpc"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import { MemoryTransportLive } from "effect-micro/Layers/MemoryTransport"
import * as Micro from "effect-micro/Layers/Micro"
import { NetworkRpcLive } from "effect-micro/Layers/NetworkRpc"
import { RandomSelectorLive } from "effect-micro/Layers/RandomSelector"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Greeter, Greeting } from "./contracts.ts"

const GreeterServer = Rpc.layerServer(Greeter, {
  hello: ({ name }) => Effect.succeed(new Greeting({ text: `Hello, ${name}!`, pid: process.pid }))
})

/** Needs an `Rpc`, whichever. */
const App = Layer.merge(GreeterServer, Rpc.layerClient(Greeter))

/** A call is a call of the handler. */
const monolith = LocalRpcLive

/** All that a network has, but the network: encoded, registered, selected, dispatched. */
const memory = NetworkRpcLive.pipe(
  Layer.provide(RandomSelectorLive),
  Layer.provide([MemoryRegistryLive, JsonCodecLive, MemoryTransportLive])
)

/** Over sockets; found in memory, so that nobody else on this network is called by mistake. */
const wire = Micro.layer({ registry: MemoryRegistryLive })

const program = Effect.fn("program")(function*(world: string) {
  const greeter = yield* Greeter
  const { text } = yield* greeter.hello({ name: world })
  yield* Console.log(text)
})

Effect.gen(function*() {
  yield* Effect.provide(program("monolith"), Layer.provide(App, monolith))
  yield* Effect.provide(program("memory"), Layer.provide(App, memory))
  yield* Effect.provide(program("wire"), Layer.provide(App, wire))
}).pipe(NodeRuntime.runMain)
