/** The brokers of this package, as their users write them: a schema, and a handler that is an effect. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import * as Broker from "../../../src/Broker.ts"
import * as JetStreamBroker from "../../../src/Layers/JetStreamBroker.ts"
import { JsonCodecLive } from "../../../src/Layers/JsonCodec.ts"
import * as NatsBroker from "../../../src/Layers/NatsBroker.ts"
import * as RedisBroker from "../../../src/Layers/RedisBroker.ts"
import { batch, type Contender, event, forever } from "./contender.ts"

const Said = Broker.topic("said", Schema.Struct({ id: Schema.Number, name: Schema.String }))

const contender = (layer: (url: string) => Layer.Layer<Broker.Broker>): Contender => {
  const runtimeOf = (url: string) => ManagedRuntime.make(Layer.merge(layer(url), JsonCodecLive))
  return {
    subscribe: (url, count) =>
      new Promise((resolve) => {
        const subscribing = Broker.subscribe(Said, () => Effect.sync(count), { group: "g" })
        const listening = Effect.andThen(subscribing, Effect.sync(resolve))
        void runtimeOf(url).runPromise(Effect.scoped(Effect.andThen(listening, Effect.never)))
      }),
    publish: (url) => {
      const runtime = runtimeOf(url)
      let n = 0
      const some = Effect.suspend(() => Broker.publishAll(Said, Array.from({ length: batch }, () => event(n++))))
      return forever(() => runtime.runPromise(some))
    }
  }
}

export const nats = contender((url) => NatsBroker.layer({ servers: url }))
export const jetStream = contender((url) => JetStreamBroker.layer({ servers: url }))
export const redis = contender((url) => RedisBroker.layer({ url }))
