/**
 * Finds a service and calls it: `node examples/client.ts`, while `node examples/greeter.ts` runs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Greeter } from "./contracts.ts"
import { Network } from "./network.ts"

const program = Effect.gen(function*() {
  const greeter = yield* Greeter
  const { pid, text } = yield* greeter.hello({ name: "world" })
  const millis = Math.round(performance.now())
  yield* Console.log(`${text} said process ${pid}, ${millis} ms after this one was started`)
})

program.pipe(
  Effect.provide(Layer.provide(Rpc.layerClient(Greeter), Network)),
  NodeRuntime.runMain
)
