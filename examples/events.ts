/**
 * A typed topic: who gets an event, and what the exit of its handler means.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Broker from "effect-micro/Broker"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"

const Placed = Broker.topic("examples.placed", Schema.Struct({ sku: Schema.String, at: Schema.DateTimeUtcFromString }))

const program = Effect.gen(function*() {
  const seen = yield* Queue.unbounded<string>()
  const note = (who: string) =>
    Effect.fn("note")(function*({ sku }: typeof Placed.schema.Type) {
      yield* Queue.offer(seen, `${who} got ${sku}`)
    })

  // Without a group each subscriber gets each event.
  yield* Broker.subscribe(Placed, note("the audit"))
  yield* Broker.subscribe(Placed, note("the archive"))
  // Of a group one gets it: two packers, each parcel packed once.
  yield* Broker.subscribe(Placed, note("a packer"), { group: "packing" })
  yield* Broker.subscribe(Placed, note("a packer"), { group: "packing" })

  // They are subscribed now: nothing is missed.
  yield* Broker.publish(Placed, { sku: "book", at: yield* DateTime.now })

  const lines = yield* Queue.takeN(seen, 3)
  yield* Effect.forEach(lines.toSorted(), (line) => Console.log(line))
})

program.pipe(
  Effect.scoped,
  Effect.provide(Micro.layer({ registry: MemoryRegistryLive })),
  NodeRuntime.runMain
)
