import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broker, subscribe, type SubscribeOptions } from "../src/Broker.ts"
import type { BrokerError } from "../src/BrokerError.ts"
import type { Codec } from "../src/Codec.ts"
import * as HttpBroker from "../src/Layers/HttpBroker.ts"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../src/Layers/MemoryRegistry.ts"
import * as MemoryTransport from "../src/Layers/MemoryTransport.ts"
import type { Receipt } from "../src/Message.ts"
import { Instance, Registry } from "../src/Registry.ts"
import { Transport } from "../src/Transport.ts"
import { brokerSuite, listen, message, say, words } from "./suites/broker.ts"

const memory = Layer.merge(MemoryRegistryLive, MemoryTransport.layer)
const sockets = Layer.merge(MemoryRegistryLive, HttpTransport.layer({ host: "127.0.0.1" }))

brokerSuite("HttpBroker over MemoryTransport", Layer.provide(HttpBroker.HttpBrokerLive, memory))
brokerSuite("HttpBroker over HttpTransport", Layer.provide(HttpBroker.HttpBrokerLive, sockets))

/** Two brokers as in two processes, of which the subscriber's is the one that `listen` finds. */
interface Nodes {
  readonly publisher: Broker["Service"]
  readonly subscriber: Broker["Service"]
}

const overMemory = Effect.map(MemoryTransport.make, (transport) => Effect.succeed(transport))
const overSockets = Effect.succeed(HttpTransport.make({ host: "127.0.0.1" }))

const between = (
  sentence: string,
  proof: (
    nodes: Nodes,
    doubted: ReadonlyArray<string>
  ) => Effect.Effect<void, BrokerError, Broker | Codec | Registry | Scope.Scope>,
  options?: HttpBroker.Options
) => {
  for (const [name, network] of Object.entries({ memory: overMemory, sockets: overSockets })) {
    it.live(`${sentence} (${name})`, () =>
      Effect.gen(function*() {
        const transport = yield* network
        const doubted: Array<string> = []
        const doubt = ({ id }: Instance) => Effect.sync(() => void doubted.push(id))
        const registry = Registry.of({ ...(yield* Registry), doubt })
        const node = HttpBroker.make(options).pipe(
          Effect.provideServiceEffect(Transport, transport),
          Effect.provideService(Registry, registry)
        )
        const [publisher, subscriber] = yield* Effect.all([node, node])
        yield* Effect.provideService(proof({ publisher, subscriber }, doubted), Broker, subscriber)
      }).pipe(
        Effect.provide([MemoryRegistryLive, JsonCodecLive]),
        Effect.provideService(References.MinimumLogLevel, "None")
      ))
  }
}

const subscribeOn = <E, R>(
  broker: Broker["Service"],
  topic: string,
  handler: (word: string) => Effect.Effect<void, E, R>,
  options?: SubscribeOptions<string, E>
) => Effect.provideService(subscribe(words(topic), handler, options), Broker, broker)

describe("HttpBroker", () => {
  between(
    "reaches every subscriber of another process, and its own, once each",
    ({ publisher }) =>
      Effect.gen(function*() {
        const there = yield* Effect.all([listen("a"), listen("a"), listen("a", { group: "g" })])
        const here = yield* Effect.provideService(listen("a"), Broker, publisher)
        for (const word of ["one", "two"]) yield* publisher.publish("a", [message(word)])
        for (const heard of [...there, here]) {
          assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["one", "two"])
          assert.strictEqual(yield* Queue.size(heard), 0)
        }
      })
  )

  between("gives an event to one member of a group that spans processes", ({ publisher }) =>
    Effect.gen(function*() {
      const there = yield* listen("a", { group: "g" })
      const here = yield* Effect.provideService(listen("a", { group: "g" }), Broker, publisher)
      for (let event = 0; event < 20; event++) yield* publisher.publish("a", [message("one")])
      assert.strictEqual((yield* Queue.size(there)) + (yield* Queue.size(here)), 20)
    }))

  between("passes over a member of a group that cannot be reached", ({ publisher }) =>
    Effect.gen(function*() {
      yield* registerGhost("g")
      const heard = yield* listen("a", { group: "g" })
      for (let event = 0; event < 10; event++) yield* publisher.publish("a", [message("one")])
      assert.strictEqual(yield* Queue.size(heard), 10)
    }))

  between(
    "says that a subscriber cannot be reached, and tells the registry",
    ({ publisher }, doubted) =>
      Effect.gen(function*() {
        yield* registerGhost("ff.http.broadcast")
        const heard = yield* listen("a")
        const reason = yield* undelivered(publisher.publish("a", [message("one")]))
        assert.strictEqual(yield* Queue.take(heard), "one")
        assert.deepStrictEqual(reason.refusals.map(({ subscriber }) => subscriber), ["ghost"])
        assert.deepStrictEqual(doubted, ["ghost"])
      })
  )

  between("takes no subscriber that has left for one that refuses", ({ publisher }) =>
    Effect.gen(function*() {
      const registry = yield* Registry
      const heard = yield* listen("a")
      const [{ address, metadata }] = yield* subscriptions(registry)
      yield* Effect.orDie(registry.register(new Instance({ ...ghost("ff.http.broadcast", metadata), address })))
      yield* publisher.publish("a", [message("one")])
      assert.strictEqual(yield* Queue.take(heard), "one")
    }))

  between("refuses what more waits than it has room for", ({ publisher, subscriber }) =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      yield* subscribeOn(subscriber, "a", () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
      yield* Effect.forkScoped(publisher.publish("a", [message("one")]))
      yield* Deferred.await(begun)
      const reason = yield* undelivered(publisher.publish("a", [message("two")]))
      assert.match(reason.refusals[0]!.problem, /^Overloaded/)
    }), { capacity: 1 })

  between("publishes no more at a time than it is told", ({ publisher, subscriber }) =>
    Effect.gen(function*() {
      const begun = yield* Queue.unbounded<string>()
      const latch = yield* Deferred.make<void>()
      const handler = (word: string) => Effect.andThen(Queue.offer(begun, word), Deferred.await(latch))
      yield* subscribeOn(subscriber, "a", handler)
      yield* subscribeOn(subscriber, "b", handler)
      const first = yield* Effect.forkChild(publisher.publish("a", [message("first")]))
      assert.strictEqual(yield* Queue.take(begun), "first")
      yield* listen("c")
      const second = yield* Effect.forkChild(publisher.publish("b", [message("second")]), { startImmediately: true })
      // Events of another publisher, there and back, show that the second one had its chance.
      for (let event = 0; event < 5; event++) yield* say("c", "by another broker")
      assert.strictEqual(yield* Queue.size(begun), 0)
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.strictEqual(yield* Queue.take(begun), "second")
    }), { publishes: 1 })

  between(
    "leaves out the subscribers of Go Micro, which speak another wire",
    ({ publisher }) =>
      Effect.gen(function*() {
        const registry = yield* Registry
        const metadata = { broker: "http", topic: "a", secure: "false" }
        yield* Effect.orDie(registry.register(ghost("ff.http.broadcast", metadata)))
        yield* publisher.publish("a", [message("one")])
      })
  )

  between(
    "opens no port before somebody subscribes, and shares it between subscriptions",
    ({ subscriber }) =>
      Effect.gen(function*() {
        const registry = yield* Registry
        for (const topic of ["a", "b"]) yield* subscribeOn(subscriber, topic, () => Effect.void)
        const listed = yield* subscriptions(registry)
        assert.lengthOf(listed, 2)
        assert.strictEqual(new Set(listed.map(({ address }) => address)).size, 1)
      })
  )

  between("refuses names that cannot travel", ({ subscriber }) =>
    Effect.gen(function*() {
      for (const topic of ["", "with space", "ümlaut", "line\n", "x".repeat(201)]) {
        const { reason } = yield* Effect.orDie(Effect.flip(subscribeOn(subscriber, topic, () => Effect.void)))
        assert.strictEqual(reason._tag, "Refused")
      }
      for (const group of ["", "ff.http.broadcast", "a b"]) {
        const { reason } = yield* Effect.orDie(Effect.flip(subscribeOn(subscriber, "a", () => Effect.void, { group })))
        assert.strictEqual(reason._tag, "Refused")
      }
    }))
})

const undelivered = (publishing: Effect.Effect<Receipt, BrokerError>) =>
  Effect.map(Effect.orDie(Effect.flip(publishing)), ({ reason }) => {
    if (reason._tag === "Undelivered") return reason
    throw new Error(`expected Undelivered, not ${reason._tag}`)
  })

/** A subscriber that the registry lists, and that is not there. */
const ghost = (group: string, metadata: Record<string, string>): Instance =>
  new Instance({
    id: "ghost",
    service: "micro.http.broker",
    version: group,
    // A port that is reserved, and where nobody listens.
    address: "micro://127.0.0.1:1",
    metadata,
    endpoints: []
  })

const registerGhost = (group: string) =>
  Effect.flatMap(
    Registry,
    (registry) =>
      Effect.orDie(
        registry.register(ghost(group, { broker: "http", topic: "a", secure: "false", carrier: "effect-micro" }))
      )
  )

/** What the registry lists, once it lists any. */
const subscriptions = (registry: Registry["Service"]) =>
  registry.watch("micro.http.broker").pipe(
    Stream.filter(Arr.isReadonlyArrayNonEmpty),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.orDie
  )
