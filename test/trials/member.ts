/** A process that serves until it is told to end. It says where, when it leaves, and takes ten times as long when told. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Contract from "../../src/Contract.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import { network } from "../suites/fleet.ts"

export class Task extends Contract.Service<Task>()("task", {
  run: Contract.method({ payload: Schema.Number, success: Schema.Number, idempotent: true })
}) {}

const say = (word: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${word}\n`))

/** Says what others would learn of it. */
const Saying = Layer.effect(
  Registry,
  Effect.map(Registry, (registry) =>
    Registry.of({
      ...registry,
      register: ({ address }) => Effect.acquireRelease(say(address), () => say("leaving"))
    }))
).pipe(Layer.provide(MemoryRegistryLive))

let millis = 2

const server = Rpc.layerServer(Task, {
  run: (number) => Effect.as(Effect.sleep(millis), number)
}).pipe(Layer.provide(network({ registry: Saying })))

if (process.argv[1] === import.meta.filename) {
  process.stdin.on("data", (factor) => {
    millis = 2 * Number(factor)
  })
  NodeRuntime.runMain(Layer.launch(server))
}
