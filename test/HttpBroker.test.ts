import { assert, describe, it } from "@effect/vitest"
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broker, subscribe, type SubscribeOptions } from "../src/Broker.ts"
import type { BrokerError } from "../src/BrokerError.ts"
import type { Codec } from "../src/Codec.ts"
import * as HttpBroker from "../src/Layers/HttpBroker.ts"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../src/Layers/MemoryRegistry.ts"
import * as MemoryTransport from "../src/Layers/MemoryTransport.ts"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import { RoundRobinSelectorLive } from "../src/Layers/RoundRobinSelector.ts"
import { Header, type Message, type Receipt } from "../src/Message.ts"
import { Instance, Registry } from "../src/Registry.ts"
import { Transport } from "../src/Transport.ts"
import { brokerSuite, graveyard, listen, message, words } from "./suites/broker.ts"

const ground = Layer.provideMerge(RandomSelectorLive, MemoryRegistryLive)
const memory = Layer.merge(ground, MemoryTransport.layer)
const sockets = Layer.merge(ground, HttpTransport.layer({ host: "127.0.0.1" }))

brokerSuite("HttpBroker over MemoryTransport", Layer.provide(HttpBroker.HttpBrokerLive, memory))
brokerSuite("HttpBroker over HttpTransport", Layer.provide(HttpBroker.HttpBrokerLive, sockets))

/** Two brokers as in two processes, of which the subscriber's is the one that `listen` finds. */
interface Nodes {
  readonly publisher: Broker["Service"]
  readonly subscriber: Broker["Service"]
  /** One more. */
  readonly node: Effect.Effect<Broker["Service"], never, Scope.Scope>
}

const overMemory = Effect.map(MemoryTransport.make, (transport) => Effect.succeed(transport))
const overSockets = Effect.succeed(HttpTransport.make({ host: "127.0.0.1" }))

const between = (
  sentence: string,
  proof: (
    nodes: Nodes,
    doubted: ReadonlyArray<string>
  ) => Effect.Effect<void, BrokerError, Broker | Codec | Registry | Scope.Scope>,
  options?: HttpBroker.Options,
  selector = RandomSelectorLive
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
          Effect.provide(selector),
          Effect.provideService(Registry, registry)
        )
        const [publisher, subscriber] = yield* Effect.all([node, node])
        yield* Effect.provideService(proof({ publisher, subscriber, node }, doubted), Broker, subscriber)
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

/** A subscriber that keeps its first event until the latch opens. */
const held = (broker: Broker["Service"], topic: string) =>
  Effect.gen(function*() {
    const hold = yield* Latch.make(false)
    const begun = yield* Deferred.make<void>()
    const heard = yield* Queue.unbounded<string>()
    yield* subscribeOn(broker, topic, (word) =>
      Deferred.succeed(begun, undefined).pipe(
        Effect.andThen(hold.await),
        Effect.andThen(Queue.offer(heard, word))
      ))
    return { hold, begun, heard }
  })

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
        assert.include(doubted, "ghost")
        assert.match(reason.refusals[0]!.problem, /^it was not accepted within 300 ms: micro:.* cannot be reached/)
      }),
    { timeout: "300 millis" }
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

  between(
    "fails for a subscriber whose outbox is full, where it was told to",
    ({ publisher, subscriber }) =>
      Effect.gen(function*() {
        const { hold, begun } = yield* held(subscriber, "a")
        const first = yield* Effect.forkChild(publisher.publish("a", [message("one"), message("two")]))
        yield* Deferred.await(begun)
        const reason = yield* undelivered(publisher.publish("a", [message("three")]))
        assert.match(reason.refusals[0]!.problem, /^2 events wait already/)
        yield* hold.open
        yield* Fiber.join(first)
      }),
    { outbox: 2, whenFull: "fail" }
  )

  between(
    "drops the oldest that waits in a full outbox, where it was told to",
    ({ subscriber }) =>
      Effect.gen(function*() {
        const { deliveries } = yield* subscriber.subscribe("a", { prefetch: 1 })
        const [old, older, late] = ["old", "older", "late"].map(message) as [Message, Message, Message]
        const first = yield* Effect.forkChild(undelivered(subscriber.publish("a", [old, older])))
        const second = yield* Effect.forkChild(subscriber.publish("a", [late]))
        const taken = yield* deliveries.pipe(
          Stream.take(2),
          Stream.tap(({ ack }) => ack),
          Stream.map(({ message }) => message.id),
          Stream.runCollect
        )
        assert.deepStrictEqual(taken, [older.id, late.id])
        const { refusals } = yield* Fiber.join(first)
        assert.deepStrictEqual(refusals.map(({ events, problem }) => [events, problem]), [
          [[0], "it was dropped for newer events"]
        ])
        yield* Fiber.join(second)
      }),
    { outbox: 2, whenFull: "drop-oldest" }
  )

  between(
    "makes a publisher wait for room in an outbox, and keeps the order",
    ({ publisher, subscriber }) =>
      Effect.gen(function*() {
        const { begun, heard, hold } = yield* held(subscriber, "a")
        const publishing = yield* Effect.forEach(
          ["one", "two", "three", "four"],
          (word) => Effect.forkChild(publisher.publish("a", [message(word)]), { startImmediately: true })
        )
        yield* Deferred.await(begun)
        yield* hold.open
        for (const fiber of publishing) yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* Queue.takeAll(heard), ["one", "two", "three", "four"])
      }),
    { outbox: 1 }
  )

  between(
    "keeps the order of a publisher's events, however they are published",
    ({ publisher, subscriber }) =>
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<string>()
        yield* subscribeOn(subscriber, "a", (word) => Queue.offer(heard, word))
        const batches = Array.from(
          { length: 40 },
          (_, batch) => Array.from({ length: 1 + batch % 7 * 40 }, (_, at) => `${batch} ${at}`)
        )
        yield* Effect.forEach(batches, (words) => publisher.publish("a", words.map(message)), { concurrency: 8 })
        assert.deepStrictEqual(yield* Queue.takeAll(heard), batches.flat() as [string, ...Array<string>])
      })
  )

  between(
    "lets no slow subscriber hold up another, and bounds what waits for it",
    ({ subscriber }) =>
      Effect.gen(function*() {
        // Nobody takes what comes for the first: it has an inbox of 8, and the publisher's outbox of 16 for it.
        yield* subscriber.subscribe("a", { prefetch: 1 })
        const heard = yield* Queue.unbounded<string>()
        yield* subscribeOn(subscriber, "a", (word) => Queue.offer(heard, word))
        const words = Array.from({ length: 200 }, (_, at) => `word ${at}`)
        const outcomes = yield* Effect.forEach(words, (word) =>
          Effect.gen(function*() {
            const publishing = yield* Effect.forkChild(undelivered(subscriber.publish("a", [message(word)])), {
              startImmediately: true
            })
            assert.strictEqual(yield* Queue.take(heard), word)
            return publishing
          }))
        const reasons = yield* Effect.forEach(outcomes, (fiber) => Fiber.join(fiber))
        const full = reasons.filter(({ refusals }) => refusals[0]!.problem.startsWith("16 events wait already"))
        assert.lengthOf(full, 200 - 16)
        assert.isTrue(reasons.every(({ acceptedBy }) => acceptedBy.length === 1))
      }),
    { outbox: 16, inbox: 8, whenFull: "fail", timeout: "1 second" }
  )

  between("handles what had arrived when its publisher goes", ({ node, subscriber }) =>
    Effect.gen(function*() {
      const { begun, heard, hold } = yield* held(subscriber, "a")
      const scope = yield* Scope.make()
      const publisher = yield* Scope.provide(node, scope)
      yield* Effect.forkIn(publisher.publish("a", ["one", "two"].map(message)), scope)
      yield* Deferred.await(begun)
      yield* Scope.close(scope, Exit.void)
      yield* hold.open
      assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["one", "two"])
    }))

  between("says who has accepted", ({ subscriber }) =>
    Effect.gen(function*() {
      yield* subscribeOn(subscriber, "a", () => Effect.void, { group: "packers" })
      yield* subscribeOn(subscriber, "a", () => Effect.void)
      const { acceptedBy } = yield* subscriber.publish("a", [message("one")])
      assert.lengthOf(acceptedBy, 2)
      assert.include(acceptedBy, "packers")
      assert.isTrue(acceptedBy.some((name) => name.startsWith("a-")))
    }))

  between("goes on with what is left when a publisher gives up", ({ publisher, subscriber }) =>
    Effect.gen(function*() {
      const { begun, heard, hold } = yield* held(subscriber, "a")
      const first = yield* Effect.forkChild(publisher.publish("a", [message("one")]))
      yield* Deferred.await(begun)
      const second = yield* Effect.forkChild(publisher.publish("a", [message("two")]), { startImmediately: true })
      const third = yield* Effect.forkChild(publisher.publish("a", [message("three")]), { startImmediately: true })
      yield* Fiber.interrupt(second)
      yield* hold.open
      yield* Fiber.join(first)
      yield* Fiber.join(third)
      // The second may have been on its way already.
      assert.deepStrictEqual((yield* Queue.takeAll(heard)).filter((word) => word !== "two"), ["one", "three"])
    }))

  between(
    "chooses among the members of a group as the selector says",
    ({ publisher, subscriber }) =>
      Effect.gen(function*() {
        const counts = new Map<number, number>()
        for (let member = 0; member < 4; member++) {
          yield* subscribeOn(
            subscriber,
            "a",
            () => Effect.sync(() => void counts.set(member, (counts.get(member) ?? 0) + 1)),
            { group: "g" }
          )
        }
        for (let event = 0; event < 40; event++) yield* publisher.publish("a", [message(String(event))])
        assert.deepStrictEqual([...counts.values()], [10, 10, 10, 10])
      }),
    {},
    RoundRobinSelectorLive
  )

  between("loses no event of a group while members come and go", ({ publisher, subscriber }) =>
    Effect.gen(function*() {
      const heard = new Set<string>()
      const handler = (word: string) => Effect.andThen(Effect.yieldNow, Effect.sync(() => void heard.add(word)))
      yield* subscribeOn(subscriber, "a", handler, { group: "g" })
      const words = Array.from({ length: 600 }, (_, at) => `word ${at}`)
      const coming = Effect.forever(Effect.scoped(Effect.andThen(
        subscribeOn(subscriber, "a", handler, { group: "g" }),
        Effect.sleep("2 millis")
      )))
      const others = yield* Effect.forEach([1, 2], () => Effect.forkChild(coming))
      yield* Effect.forEach(words, (word) => publisher.publish("a", [message(word)]), { concurrency: 16 })
      assert.lengthOf([...heard], words.length)
      yield* Effect.forEach(others, (fiber) => Fiber.interrupt(fiber))
    }))

  between(
    "buries a poisonous event after exactly the attempts that were stated",
    ({ publisher, subscriber }) =>
      Effect.gen(function*() {
        const letters = yield* graveyard("a.dead")
        let attempts = 0
        const handler = (word: string) =>
          word === "poison" ? Effect.andThen(Effect.sync(() => void attempts++), Effect.fail("no")) : Effect.void
        yield* subscribeOn(subscriber, "a", handler, { retry: Schedule.recurs(4) })
        yield* publisher.publish("a", ["fine", "poison", "fine too"].map(message))
        const { headers } = yield* Queue.take(letters)
        assert.strictEqual(headers[Header.deadLetterAttempts], "5")
        assert.strictEqual(attempts, 5)
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
