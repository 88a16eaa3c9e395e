/**
 * A contract is the tag of its own client, and its handlers are the same record of functions. So a test double is a
 * record, and a proxy is one line.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { LocalRpcLive } from "effect-micro/Layers/LocalRpc"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Greeter, Greeting } from "./contracts.ts"

/** What is to be tested: it calls a service. */
const welcome = Effect.gen(function*() {
  const greeter = yield* Greeter
  const { text } = yield* greeter.hello({ name: "you" })
  return `${text} Come in.`
})

/** No server, no network, no `Rpc`: the client is this record. */
const Double = Layer.succeed(Greeter, {
  hello: ({ name }) => Effect.succeed(new Greeting({ text: `Hi ${name} (said the double).`, pid: 0 }))
})

/** A real one, on a network of its own. */
const Inside = Rpc.layerServer(Greeter, {
  hello: ({ name }) => Effect.succeed(new Greeting({ text: `Good day, ${name}.`, pid: process.pid }))
}).pipe(
  Layer.merge(Rpc.layerClient(Greeter)),
  Layer.provide(Micro.layer({ registry: MemoryRegistryLive }))
)

/** What is asked here is asked there: the client of one network answers on another one. */
const Proxy = Rpc.layerServer(Greeter, Greeter).pipe(Layer.provide(Inside))

const Outside = Rpc.layerClient(Greeter).pipe(
  Layer.provide(Proxy),
  Layer.provide(LocalRpcLive)
)

Effect.gen(function*() {
  yield* Console.log(yield* Effect.provide(welcome, Double))
  yield* Console.log(yield* Effect.provide(welcome, Outside))
}).pipe(NodeRuntime.runMain)
