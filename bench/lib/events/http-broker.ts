/**
 * `HttpBroker`, as its users write it: a schema, a handler that is an effect, and publishings of many events.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Broker from "../../../src/Broker.ts"
import { HttpBrokerLive } from "../../../src/Layers/HttpBroker.ts"
import * as HttpTransport from "../../../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../../../src/Layers/JsonCodec.ts"
import { RandomSelectorLive } from "../../../src/Layers/RandomSelector.ts"
import { Instance, Registry } from "../../../src/Registry.ts"
import { event } from "./contender.ts"

const Said = Broker.topic("said", Schema.Struct({ id: Schema.Number, name: Schema.String }))

/** A registry of what is known beforehand. */
const registryOf = (instances: ReadonlyArray<Instance>, registered: (instance: Instance) => void) =>
  Layer.succeed(Registry, {
    register: (instance) => Effect.sync(() => registered(instance)),
    watch: () => Stream.concat(Stream.succeed(instances), Stream.never),
    services: Stream.never,
    doubt: () => Effect.void
  })

const runtimeOf = (registry: Layer.Layer<Registry>) => {
  const ground = Layer.merge(
    Layer.provideMerge(RandomSelectorLive, registry),
    HttpTransport.layer({ host: "127.0.0.1" })
  )
  return ManagedRuntime.make(Layer.merge(Layer.provide(HttpBrokerLive, ground), JsonCodecLive))
}

export const subscribe = (count: (events: number) => void): Promise<string> =>
  new Promise((resolve) => {
    const runtime = runtimeOf(registryOf([], (instance) => resolve(JSON.stringify(instance))))
    void runtime.runPromise(Effect.scoped(
      Effect.andThen(
        Broker.subscribe(Said, () => Effect.sync(() => count(1))),
        Effect.never
      )
    ))
  })

/** Publishings under way at a time, and the events of each. */
const publishers = 16
const batch = 1024

export const publish = async (facts: ReadonlyArray<string>): Promise<void> => {
  const instances = facts.map((fact) => new Instance(JSON.parse(fact)))
  const runtime = runtimeOf(registryOf(instances, () => undefined))
  let n = 0
  const some = Effect.suspend(() => Broker.publishAll(Said, Array.from({ length: batch }, () => event(n++))))
  await runtime.runPromise(
    Effect.all(Array.from({ length: publishers }, () => Effect.forever(some)), {
      concurrency: "unbounded",
      discard: true
    })
  )
}
