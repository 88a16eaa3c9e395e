/**
 * A service. Start as many as you like: `node examples/greeter.ts`
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Rpc from "effect-micro/Rpc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Greeter, Greeting } from "./contracts.ts"
import { Network } from "./network.ts"

const GreeterServer = Rpc.layerServer(Greeter, {
  hello: ({ name }) => Effect.succeed(new Greeting({ text: `Hello, ${name}!`, pid: process.pid }))
})

GreeterServer.pipe(Layer.provide(Network), Layer.launch, NodeRuntime.runMain)
