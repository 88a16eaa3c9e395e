/**
 * Payments over a bad network: each of them ends in a way that its caller is told of, and none is made twice.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Contract from "effect-micro/Contract"
import * as HttpTransport from "effect-micro/Layers/HttpTransport"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Chaos from "./middleware/chaos.ts"

class Till extends Contract.Service<Till>()("examples.till", {
  pay: Contract.method({ payload: { id: Schema.Int } })
}) {}

/** How often each payment was made. */
const payments = new Map<number, number>()

const TillServer = Rpc.layerServer(Till, {
  pay: ({ id }) => Effect.sync(() => void payments.set(id, (payments.get(id) ?? 0) + 1))
})

const program = Effect.gen(function*() {
  const till = yield* Till
  const endings = { done: 0, cut: 0, late: 0 }
  const count = (ending: keyof typeof endings) => Effect.sync(() => void endings[ending]++)
  yield* Effect.forEach(Array.from({ length: 200 }, (_, id) => id), (id) =>
    till.pay({ id }).pipe(
      Rpc.withTimeout("300 millis"),
      Effect.andThen(count("done")),
      Effect.catchReason("RpcError", "Disconnected", () => count("cut")),
      Effect.catchReason("RpcError", "DeadlineExceeded", () => count("late"))
    ), { concurrency: 20 })
  yield* Console.log(`cut and late: ${endings.cut > 0 && endings.late > 0}`)
  yield* Console.log(`told of all: ${endings.done + endings.cut + endings.late === 200}`)
  yield* Console.log(`paid twice: ${[...payments.values()].filter((times) => times > 1).length}`)
})

program.pipe(
  Effect.provide(Layer.merge(TillServer, Rpc.layerClient(Till))),
  Effect.provide(Micro.layer({
    registry: MemoryRegistryLive,
    transport: Chaos.client({ cut: 0.05, seed: "callers" }).pipe(
      Layer.provide(Chaos.server({ latency: "20 millis", loss: 0.05, cut: 0.05, seed: "services" })),
      Layer.provide(HttpTransport.layer())
    )
  })),
  NodeRuntime.runMain
)
