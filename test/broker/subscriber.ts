/** A process that subscribes to the topic of the tests: tells where it is, and then each event before it is accepted. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Broker from "../../src/Broker.ts"
import { HttpBrokerLive } from "../../src/Layers/HttpBroker.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import { Registry } from "../../src/Registry.ts"

// A pipe is written to at once: what was told of is told of even where the process is killed next.
const tell = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))

const registry = Layer.succeed(Registry, {
  register: (instance) => tell(JSON.stringify(instance)),
  watch: () => Stream.never,
  services: Stream.never,
  doubt: () => Effect.void
})

const ground = Layer.merge(Layer.provideMerge(RandomSelectorLive, registry), HttpTransport.layer({ host: "127.0.0.1" }))

const [group = ""] = process.argv.slice(2)

NodeRuntime.runMain(
  Broker.subscribe(Broker.topic("a", Schema.String), tell, group === "" ? {} : { group }).pipe(
    Effect.andThen(Effect.never),
    Effect.scoped,
    Effect.provide(Layer.merge(Layer.provide(HttpBrokerLive, ground), JsonCodecLive))
  )
)
