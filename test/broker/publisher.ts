/**
 * A process that publishes: each event by itself, many at a time, and tells of each that was accepted, with its number.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Broker from "../../src/Broker.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { Instance, Registry } from "../../src/Registry.ts"

/** Who subscribes, as it was told. */
const registryOf = (instance: string) =>
  Layer.succeed(Registry, {
    register: () => Effect.void,
    watch: () => Stream.concat(Stream.succeed([new Instance(JSON.parse(instance))]), Stream.never),
    services: Stream.never,
    doubt: () => Effect.void
  })

const brokers: Record<string, (where: string) => Promise<Layer.Layer<Broker.Broker>>> = {
  HttpBroker: async (instance) => {
    const { HttpBrokerLive } = await import("../../src/Layers/HttpBroker.ts")
    const { RandomSelectorLive } = await import("../../src/Layers/RandomSelector.ts")
    const HttpTransport = await import("../../src/Layers/HttpTransport.ts")
    const known = Layer.provideMerge(RandomSelectorLive, registryOf(instance))
    return Layer.provide(HttpBrokerLive, Layer.merge(known, HttpTransport.layer({ host: "127.0.0.1" })))
  },
  NatsBroker: async (servers) => (await import("../../src/Layers/NatsBroker.ts")).layer({ servers }),
  JetStreamBroker: async (servers) => (await import("../../src/Layers/JetStreamBroker.ts")).layer({ servers }),
  RedisBroker: async (url) => (await import("../../src/Layers/RedisBroker.ts")).layer({ url })
}

const [name = "", where = ""] = process.argv.slice(2)
const said = Broker.topic("a", Schema.String)
let count = 0

const one = Effect.suspend(() => {
  const word = String(count++)
  return Effect.map(Broker.publish(said, word), ({ acceptedBy }) => {
    // A pipe is written to at once: what was told of is told of even where the process is killed next.
    if (acceptedBy.length > 0) process.stdout.write(`${word}\n`)
  })
})

NodeRuntime.runMain(
  Effect.all(Array.from({ length: 64 }, () => Effect.forever(one)), { concurrency: "unbounded", discard: true }).pipe(
    Effect.provide(Layer.merge(Layer.unwrap(Effect.promise(() => brokers[name]!(where))), JsonCodecLive))
  )
)
