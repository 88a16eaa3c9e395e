/** The brokers that have a server, as their users write them: a schema, and a handler that is an effect. */
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
import * as Pace from "./pace.ts"

const Said = Broker.topic("said", Schema.Struct({ id: Schema.Number, name: Schema.String }))

const contender = (
  layer: (server: string) => Layer.Layer<Broker.Broker>,
  options: { readonly group?: string }
): Contender => {
  const runtimeOf = (server: string) => ManagedRuntime.make(Layer.merge(layer(server), JsonCodecLive))
  return {
    subscribe: async (count, server) => {
      const { counted, facts } = await Pace.open(count)
      const runtime = runtimeOf(server)
      await new Promise<void>((resolve) => {
        const subscribing = Broker.subscribe(Said, () => Effect.sync(counted), options)
        const listening = Effect.andThen(subscribing, Effect.sync(resolve))
        void runtime.runPromise(Effect.scoped(Effect.andThen(listening, Effect.never)))
      })
      return facts
    },
    publish: async (facts, server) => {
      const room = await Pace.follow(facts)
      const runtime = runtimeOf(server)
      let n = 0
      const some = Effect.suspend(() => Broker.publishAll(Said, Array.from({ length: batch }, () => event(n++))))
      await forever(async () => {
        await room(batch)
        await runtime.runPromise(some)
      })
    }
  }
}

export const nats = contender((server) => NatsBroker.layer({ servers: server }), {})
export const jetStream = contender((server) => JetStreamBroker.layer({ servers: server }), { group: "g" })
export const redis = contender((url) => RedisBroker.layer({ url }), { group: "g" })
