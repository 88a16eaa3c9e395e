/** A process that serves over HTTP until it is told to end, and says where. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import * as Rpc from "../../src/Rpc.ts"
import { network, registering } from "./fleet.ts"

export class Slow extends Contract.Service<Slow>()("slow", {
  work: Contract.method({ success: Schema.String }),
  /** Says whether the process is told to go, and goes on for as long. */
  idle: Contract.method({ success: Contract.stream(Schema.String) })
}) {}

const say = (word: string): Effect.Effect<void> => Effect.sync(() => void process.stdout.write(`${word}\n`))

const server = Rpc.layerServer(Slow, {
  work: () => say("working").pipe(Effect.andThen(Effect.sleep("300 millis")), Effect.as("done")),
  idle: () => Stream.concat(Stream.make("idle"), Stream.never)
}).pipe(
  Layer.provide(network({
    registry: registering((instance) => {
      process.stdout.write(`${instance.address}\n`)
      return instance
    }),
    options: { drain: process.argv[2] === "hurry" ? "50 millis" : "10 seconds" }
  }))
)

if (process.argv[1] === import.meta.filename) NodeRuntime.runMain(Layer.launch(server))
