import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Broker from "../src/Broker.ts"
import * as Contract from "../src/Contract.ts"
import * as MemoryRegistry from "../src/Layers/MemoryRegistry.ts"
import * as Micro from "../src/Layers/Micro.ts"
import { Registry } from "../src/Registry.ts"
import * as Rpc from "../src/Rpc.ts"
import { Selector } from "../src/Selector.ts"

class Greeter extends Contract.Service<Greeter>()("greeter", {
  hello: Contract.method({ payload: Schema.String, success: Schema.String })
}) {}

const App = Layer.merge(
  Rpc.layerServer(Greeter, { hello: (name) => Effect.succeed(`Hello, ${name}`) }),
  Rpc.layerClient(Greeter)
)

const Said = Broker.topic("said", Schema.String)

it.live("carries calls and events over its own parts", () =>
  Effect.gen(function*() {
    const greeter = yield* Greeter
    const heard = yield* Deferred.make<string>()
    yield* Broker.subscribe(Said, (text) => Deferred.succeed(heard, text))
    yield* Broker.publish(Said, yield* greeter.hello("you"))
    assert.strictEqual(yield* Deferred.await(heard), "Hello, you")
  }).pipe(
    Effect.provide(Layer.provideMerge(App, Micro.layer({ registry: MemoryRegistry.MemoryRegistryLive })))
  ))

it.effect("gives the parts that stand on others the ones that were chosen, built once", () => {
  const built: Array<Registry["Service"]> = []
  const found: Array<Registry["Service"]["services"]> = []
  const registry = Layer.effect(
    Registry,
    Effect.tap(MemoryRegistry.make, (made) => Effect.sync(() => built.push(made)))
  )
  const selector = Layer.effect(
    Selector,
    Effect.map(Registry, (registry) => {
      found.push(registry.services)
      return Selector.of({ select: () => Effect.never, watch: () => Stream.never })
    })
  )
  return Effect.gen(function*() {
    assert.strictEqual(built.length, 1)
    // Selector and calls have the registry behind its last good list.
    assert.deepStrictEqual(found, built.map(({ services }) => services))
    assert.strictEqual(yield* Registry, built[0])
  }).pipe(Effect.provide(Micro.layer({ registry, selector })))
})
