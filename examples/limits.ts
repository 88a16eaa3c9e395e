/**
 * A service that answers each caller so many calls a second: the others are told when to come back.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as HttpTransport from "effect-micro/Layers/HttpTransport"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Greeter, Greeting } from "./contracts.ts"
import * as RateLimit from "./middleware/rateLimit.ts"

const Limited = RateLimit.layer({
  callerOf: (call) => call.headers["x-caller"] ?? "somebody",
  burst: 2,
  every: "3 seconds"
})

const GreeterServer = Rpc.layerServer(Greeter, {
  hello: ({ name }) => Effect.succeed(new Greeting({ text: `Hello, ${name}!`, pid: process.pid }))
})

const program = Effect.gen(function*() {
  const greeter = yield* Greeter
  const greet = (name: string) =>
    greeter.hello({ name }).pipe(
      Rpc.withHeaders({ "x-caller": name }),
      Effect.flatMap(({ text }) => Console.log(text))
    )
  yield* greet("ada")
  yield* greet("ada")
  // With half a second there is no use in waiting.
  yield* Rpc.withTimeout(greet("ada"), "500 millis").pipe(
    Effect.catchReason(
      "RpcError",
      "Overloaded",
      ({ retryAfter = 0 }) =>
        Console.log(`ada may come back within three seconds: ${retryAfter > 0 && retryAfter <= 3000}`)
    )
  )
  yield* greet("bob")
  // With the usual five, the call waits by itself.
  yield* greet("ada")
})

program.pipe(
  Effect.provide(Layer.merge(GreeterServer, Rpc.layerClient(Greeter))),
  Effect.provide(Micro.layer({
    registry: MemoryRegistryLive,
    transport: Layer.provide(Limited, HttpTransport.layer())
  })),
  NodeRuntime.runMain
)
