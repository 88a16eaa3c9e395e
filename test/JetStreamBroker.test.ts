import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { jetstreamManager, StorageType } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Broker from "../src/Broker.ts"
import type { BrokerError } from "../src/BrokerError.ts"
import type { Codec } from "../src/Codec.ts"
import * as JetStreamBroker from "../src/Layers/JetStreamBroker.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import { Header, type Received } from "../src/Message.ts"
import * as Proxy from "./faults/proxy.ts"
import * as Nats from "./servers/nats.ts"
import { brokerSuite, graveyard, listen, message, words } from "./suites/broker.ts"
import { handledWhileMembersChange } from "./suites/rebalancing.ts"

describe.skipIf(Nats.isMissing)("with nats-server", () => {
  const scope = Scope.makeUnsafe()
  let shared: Nats.Nats
  let streams = 0
  beforeAll(async () => {
    shared = await Effect.runPromise(Scope.provide(Nats.open({ jetStream: true }), scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const broker = (options?: JetStreamBroker.Options) =>
    Layer.suspend(() =>
      JetStreamBroker.layer({
        servers: shared.url,
        stream: `s${++streams}`,
        storage: "memory",
        maxBytes: 16 * 1024 * 1024,
        ...options
      })
    )

  brokerSuite("JetStreamBroker", broker(), { wildcard: "laws.*" })

  const live = (options?: JetStreamBroker.Options) =>
    broker(options).pipe(Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")), Layer.merge(JsonCodecLive))
  const manager = Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => connect({ servers: shared.url })),
      (connection) => Effect.promise(() => connection.close())
    ),
    (connection) => ({ connection, admin: Effect.promise(() => jetstreamManager(connection)) })
  )
  const reasonOf = (effect: Effect.Effect<unknown, BrokerError, Broker.Broker | Codec>) =>
    Effect.map(Effect.flip(effect), ({ reason }) => reason)

  describe("JetStreamBroker", () => {
    it.live("keeps events for a group whose members are all away, and none from before the group", () =>
      Effect.gen(function*() {
        yield* Broker.publish(words("a"), "before")
        yield* Effect.scoped(listen("a", { group: "g" }))
        const { acceptedBy } = yield* Broker.publishAll(words("a"), ["one", "two"])
        assert.deepStrictEqual(acceptedBy, ["kept"])
        const heard = yield* listen("a", { group: "g" })
        assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["one", "two"])
      }).pipe(Effect.provide(live({ stream: "kept" }))))

    it.live("stores an event once that is published twice", () =>
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const heard = yield* listen("a")
        const twice = message("twice")
        yield* broker.publish("a", [twice, message("once"), twice])
        yield* broker.publish("a", [twice])
        yield* Broker.publish(words("a"), "last")
        assert.deepStrictEqual(yield* Queue.takeN(heard, 3), ["twice", "once", "last"])
      }).pipe(Effect.provide(live())))

    it.live("stores an event once where the answer to its publishing was lost", () =>
      Effect.gen(function*() {
        const proxy = yield* Proxy.make(Number(new URL(shared.url).port))
        const heard = yield* listen("a")
        yield* Effect.gen(function*() {
          yield* Broker.publish(words("a"), "before")
          yield* proxy.arm({ at: { direction: "reply", after: 0 }, deed: "reset" })
          yield* Broker.publish(words("a"), "once")
          yield* Broker.publish(words("a"), "last")
        }).pipe(Effect.provide(live({ stream: "answers", servers: `nats://127.0.0.1:${proxy.port}` })))
        assert.deepStrictEqual(yield* Queue.takeN(heard, 3), ["before", "once", "last"])
      }).pipe(Effect.provide(live({ stream: "answers" }))))

    it.live("does not take a slow handler for lost, nor what waits behind it", () =>
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<readonly [string, number]>()
        const handler = (word: string, { attempt }: Received) =>
          Effect.andThen(word === "slow" ? Effect.sleep("3 seconds") : Effect.void, Queue.offer(heard, [word, attempt]))
        for (let member = 0; member < 2; member++) yield* Broker.subscribe(words("a"), handler, { group: "g" })
        yield* Broker.publishAll(words("a"), ["slow", "1", "slow", "2"])
        const all = yield* Queue.takeN(heard, 4)
        assert.deepStrictEqual(all.map(([_, attempt]) => attempt), [1, 1, 1, 1])
      }).pipe(Effect.provide(live({ ackWait: "1 second" }))), 30_000)

    it.live("goes on where it was when somebody deletes its consumers", () =>
      Effect.gen(function*() {
        const { admin } = yield* manager
        const { consumers } = yield* admin
        const all = [yield* listen("a", { group: "g" }), yield* listen("a")]
        yield* Broker.publish(words("a"), "one")
        for (const heard of all) assert.strictEqual(yield* Queue.take(heard), "one")
        const found = yield* Effect.promise(() => consumers.list("deleted").next())
        assert.lengthOf(found, 2)
        for (const { name } of found) yield* Effect.promise(() => consumers.delete("deleted", name))
        yield* Broker.publish(words("a"), "two")
        for (const heard of all) assert.strictEqual(yield* Queue.take(heard), "two")
      }).pipe(Effect.provide(live({ stream: "deleted" }))))

    it.live("gives up an event that was handed out too often, as it may be what kills the process", () =>
      Effect.gen(function*() {
        const letters = yield* graveyard("a.dead")
        const attempts = yield* Queue.unbounded<number>()
        const handler = (_: string, { attempt }: Received) =>
          Effect.andThen(Queue.offer(attempts, attempt), Effect.interrupt)
        yield* Broker.subscribe(words("a"), handler, { group: "g", deliveries: 2 })
        yield* Broker.publish(words("a"), "poison")
        const { headers } = yield* Queue.take(letters)
        assert.strictEqual(headers[Header.deadLetterReason], "returned")
        assert.deepStrictEqual(yield* Queue.takeAll(attempts), [1, 2])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.provide(live())))

    it.live(
      "waits with publishers while its server is killed and comes back, and loses nothing",
      () =>
        Effect.gen(function*() {
          const server = yield* Nats.open({ jetStream: true })
          yield* Effect.gen(function*() {
            const all = [yield* listen("a", { group: "g" }), yield* listen("a")]
            yield* Broker.publish(words("a"), "one")
            for (const heard of all) assert.strictEqual(yield* Queue.take(heard), "one")
            yield* server.kill
            const publishing = yield* Effect.forkChild(Broker.publishAll(words("a"), ["two", "three"]))
            yield* server.start
            yield* Fiber.join(publishing)
            for (const heard of all) assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["two", "three"])
          }).pipe(Effect.provide(live({ servers: server.url, storage: "file" })))
        }),
      30_000
    )

    it.live("fails when its time is up, and says why", () =>
      Effect.gen(function*() {
        const server = yield* Nats.open({ jetStream: true })
        yield* Effect.gen(function*() {
          yield* Broker.publish(words("a"), "one")
          yield* server.stop
          const publishing = yield* reasonOf(Broker.publish(words("a"), "two"))
          yield* server.resume
          assert.strictEqual(publishing._tag, "BrokerUnavailable")
          assert.include(publishing.message, "has not stored events of a")
          yield* server.kill
          const subscribing = yield* reasonOf(Effect.scoped(listen("b")))
          assert.include(subscribing.message, server.url)
        }).pipe(Effect.provide(live({ servers: server.url, timeout: "2 seconds" })))
      }), 30_000)

    it.live("refuses a stream that is for something else, and a server without JetStream", () =>
      Effect.gen(function*() {
        const { admin } = yield* manager
        const { streams } = yield* admin
        yield* Effect.promise(() => streams.add({ name: "other", subjects: ["else.>"], storage: StorageType.Memory }))
        const other = yield* Effect.provide(reasonOf(Broker.publish(words("a"), "one")), live({ stream: "other" }))
        assert.include(other.message, "The stream other keeps else.> and not other.>")
        const plain = yield* Nats.open()
        const without = live({ servers: plain.url, timeout: "2 seconds" })
        const { _tag } = yield* Effect.provide(reasonOf(Broker.publish(words("a"), "one")), without)
        assert.strictEqual(_tag, "BrokerUnavailable")
      }))

    it.live("refuses what the server would not carry, and names its limit", () =>
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const large = { ...message(""), body: new Uint8Array(1024 * 1024) }
        const reason = yield* reasonOf(broker.publish("a", [message("small"), large]))
        assert.strictEqual(reason._tag, "Refused")
        assert.include(reason.message, "max_payload of 1048576")
        for (const name of ["a.*", "a..b", "$JS.API.a"]) {
          assert.strictEqual((yield* reasonOf(broker.publish(name, [message("one")])))._tag, "Refused", name)
        }
      }).pipe(Effect.provide(live())))

    it.live("hears publishers of another kind, and gives their events the places in the stream as ids", () =>
      Effect.gen(function*() {
        const { connection } = yield* manager
        const told = yield* Queue.unbounded<Received>()
        yield* Broker.subscribe(words("a"), (_, received) => Queue.offer(told, received))
        connection.publish("foreign.a", `"bare"`)
        assert.deepStrictEqual(yield* Queue.take(told), { id: "foreign-1", topic: "a", headers: {}, attempt: 1 })
      }).pipe(Effect.provide(live({ stream: "foreign" }))))

    it.live("hands a subscriber that is too slow no more than it asks for, and the others all", () =>
      Effect.gen(function*() {
        const { admin } = yield* manager
        const { consumers } = yield* admin
        const begun = yield* Deferred.make<void>()
        const handler = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
        yield* Broker.subscribe(words("a"), handler, { group: "slow", prefetch: 8 })
        const quick = yield* listen("a", { group: "quick" })
        const sent = Array.from({ length: 500 }, (_, at) => `word ${at}`)
        yield* Broker.publishAll(words("a"), sent)
        yield* Deferred.await(begun)
        assert.deepStrictEqual(yield* Queue.takeN(quick, 500), sent)
        const all = yield* Effect.promise(() => consumers.list("bounded").next())
        const slow = all.find(({ name }) => name.startsWith("slow"))
        assert.isAtMost(slow!.num_ack_pending, 16)
      }).pipe(Effect.provide(live({ stream: "bounded" }))))

    it.live("loses nothing while members of a group come and go", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* handledWhileMembersChange).size, 2000)
      }).pipe(Effect.provide(live({ ackWait: "2 seconds" }))))
  })
})
