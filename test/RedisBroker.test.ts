import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createClient } from "redis"
import * as Broker from "../src/Broker.ts"
import type { BrokerError } from "../src/BrokerError.ts"
import type { Codec } from "../src/Codec.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import * as RedisBroker from "../src/Layers/RedisBroker.ts"
import { Header, type Received } from "../src/Message.ts"
import * as Proxy from "./faults/proxy.ts"
import * as Redis from "./servers/redis.ts"
import { brokerSuite, graveyard, listen, message, words } from "./suites/broker.ts"
import { handledWhileMembersChange } from "./suites/rebalancing.ts"

describe.skipIf(Redis.isMissing)("with redis-server", () => {
  const scope = Scope.makeUnsafe()
  let shared: Redis.Redis
  let prefixes = 0
  beforeAll(async () => {
    shared = await Effect.runPromise(Scope.provide(Redis.open(), scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const broker = (options?: RedisBroker.Options) =>
    Layer.suspend(() => RedisBroker.layer({ url: shared.url, prefix: `${++prefixes}:`, ...options }))

  brokerSuite("RedisBroker", broker())

  const live = (options?: RedisBroker.Options) =>
    broker(options).pipe(Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")), Layer.merge(JsonCodecLive))
  const bare = Effect.acquireRelease(
    Effect.promise(() => createClient({ url: shared.url, RESP: 2 }).connect()),
    (client) => Effect.sync(() => client.destroy())
  )
  const reasonOf = (effect: Effect.Effect<unknown, BrokerError, Broker.Broker | Codec>) =>
    Effect.map(Effect.flip(effect), ({ reason }) => reason)

  describe("RedisBroker", () => {
    it.live("keeps events for a group whose members are all away, and none from before the group", () =>
      Effect.gen(function*() {
        yield* Broker.publish(words("a"), "before")
        yield* Effect.scoped(listen("a", { group: "g" }))
        const { acceptedBy } = yield* Broker.publishAll(words("a"), ["one", "two"])
        assert.deepStrictEqual(acceptedBy, ["kept:a"])
        const heard = yield* listen("a", { group: "g" })
        assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["one", "two"])
      }).pipe(Effect.provide(live({ prefix: "kept:" }))))

    it.live("leaves nothing behind of members that have left, and of subscriptions without a group", () =>
      Effect.gen(function*() {
        const client = yield* bare
        const leave = Effect.gen(function*() {
          const all = [yield* listen("a", { group: "g" }), yield* listen("a")]
          yield* Broker.publish(words("a"), "one")
          for (const heard of all) yield* Queue.take(heard)
        })
        yield* Effect.scoped(leave)
        const groups = yield* Effect.promise(() => client.xInfoGroups("left:a"))
        assert.deepStrictEqual(groups.map(({ consumers, name, pending }) => [String(name), consumers, pending]), [
          ["g", 0, 0]
        ])
      }).pipe(Effect.provide(live({ prefix: "left:" }))))

    it.live("claims what a member has that is not heard of any more, and counts", () =>
      Effect.gen(function*() {
        const client = yield* bare
        yield* Effect.scoped(listen("a", { group: "g" }))
        yield* Broker.publish(words("a"), "one")
        yield* Effect.promise(() => client.sendCommand(["XREADGROUP", "GROUP", "g", "dead", "STREAMS", "dead:a", ">"]))
        const told = yield* Queue.unbounded<readonly [string, number]>()
        const handler = (word: string, { attempt }: Received) => Queue.offer(told, [word, attempt])
        yield* Broker.subscribe(words("a"), handler, { group: "g" })
        assert.deepStrictEqual(yield* Queue.take(told), ["one", 2])
      }).pipe(Effect.provide(live({ prefix: "dead:", claimAfter: "1 second" }))))

    it.live("does not take a slow handler for lost, nor what waits behind it", () =>
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<number>()
        const handler = (word: string, { attempt }: Received) =>
          Effect.andThen(word === "slow" ? Effect.sleep("3 seconds") : Effect.void, Queue.offer(heard, attempt))
        for (let member = 0; member < 2; member++) yield* Broker.subscribe(words("a"), handler, { group: "g" })
        yield* Broker.publishAll(words("a"), ["slow", "1", "slow", "2"])
        assert.deepStrictEqual(yield* Queue.takeN(heard, 4), [1, 1, 1, 1])
      }).pipe(Effect.provide(live({ claimAfter: "2 seconds" }))), 30_000)

    it.live("gives back after a delay that is longer than others wait for what they claim", () =>
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const { deliveries } = yield* broker.subscribe("a", { group: "g", prefetch: 2 })
        yield* broker.publish("a", [message("one")])
        const times = yield* deliveries.pipe(
          Stream.take(2),
          Stream.mapEffect(({ ack, attempt, giveBack }) =>
            Effect.andThen(attempt === 1 ? giveBack(Duration.seconds(2)) : ack, Clock.currentTimeMillis)
          ),
          Stream.runCollect
        )
        assert.isAtLeast(times[1]! - times[0]!, 2000)
      }).pipe(Effect.provide(live({ claimAfter: "300 millis" }))))

    it.live(
      "gives up an event that was handed out too often, as it may be what kills the process",
      () =>
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
        }).pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.provide(live())),
      30_000
    )

    it.live(
      "waits with publishers while its server is killed and comes back, and loses nothing",
      () =>
        Effect.gen(function*() {
          const server = yield* Redis.open()
          yield* Effect.gen(function*() {
            const all = [yield* listen("a", { group: "g" }), yield* listen("a")]
            yield* Broker.publish(words("a"), "one")
            for (const heard of all) assert.strictEqual(yield* Queue.take(heard), "one")
            yield* server.kill
            const publishing = yield* Effect.forkChild(Broker.publishAll(words("a"), ["two", "three"]))
            yield* server.start
            yield* Fiber.join(publishing)
            for (const heard of all) assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["two", "three"])
          }).pipe(Effect.provide(live({ url: server.url })))
        }),
      30_000
    )

    it.live("stores twice under one id what was published where the answer alone was lost", () =>
      Effect.gen(function*() {
        const client = yield* bare
        const proxy = yield* Proxy.make(Number(new URL(shared.url).port))
        const heard = yield* Queue.unbounded<Received & { readonly word: string }>()
        yield* Broker.subscribe(words("a"), (word, received) => Queue.offer(heard, { ...received, word }))
        yield* Effect.gen(function*() {
          yield* Broker.publish(words("a"), "before")
          yield* proxy.arm({ at: { direction: "reply", after: 0 }, deed: "reset" })
          const { acceptedBy } = yield* Broker.publish(words("a"), "twice")
          assert.deepStrictEqual(acceptedBy, ["answers:a"])
        }).pipe(Effect.provide(live({ prefix: "answers:", url: `redis://127.0.0.1:${proxy.port}` })))
        const [before, first, second] = yield* Queue.takeN(heard, 3)
        assert.deepStrictEqual([before.word, first.word, second.word], ["before", "twice", "twice"])
        assert.strictEqual(first.id, second.id)
        assert.notStrictEqual(before.id, first.id)
        assert.strictEqual(yield* Effect.promise(() => client.xLen("answers:a")), 3)
      }).pipe(Effect.provide(live({ prefix: "answers:" }))))

    it.live("goes on where its server has forgotten everything", () =>
      Effect.gen(function*() {
        const client = yield* bare
        const heard = yield* listen("a", { group: "g" })
        yield* Broker.publish(words("a"), "one")
        assert.strictEqual(yield* Queue.take(heard), "one")
        yield* Effect.promise(() => client.del("forgotten:a"))
        yield* Broker.publish(words("a"), "two")
        assert.strictEqual(yield* Queue.take(heard), "two")
      }).pipe(Effect.provide(live({ prefix: "forgotten:" }))))

    it.live(
      "waits for a server that is away at the start, and fails when its time is up",
      () =>
        Effect.gen(function*() {
          const server = yield* Redis.open()
          yield* server.kill
          const away = live({ url: server.url.replace("//", "//ann:secret@"), timeout: "2 seconds" })
          for (const effect of [Broker.publish(words("a"), "one"), Effect.asVoid(Effect.scoped(listen("a")))]) {
            const reason = yield* Effect.provide(reasonOf(effect), away)
            assert.strictEqual(reason._tag, "BrokerUnavailable")
            assert.include(reason.message, `${server.url} is not there: connect ECONNREFUSED`)
          }
          yield* Effect.gen(function*() {
            const hearing = yield* Effect.forkChild(listen("a"))
            yield* server.start
            const heard = yield* Fiber.join(hearing)
            yield* Broker.publish(words("a"), "one")
            assert.strictEqual(yield* Queue.take(heard), "one")
          }).pipe(Effect.provide(live({ url: server.url })))
        }),
      30_000
    )

    it.live("does not wait for good for a server that has stopped answering", () =>
      Effect.gen(function*() {
        const server = yield* Redis.open()
        yield* Effect.gen(function*() {
          yield* Broker.publish(words("a"), "one")
          yield* server.stop
          const { message } = yield* reasonOf(Broker.publish(words("a"), "two"))
          yield* server.resume
          assert.include(message, "has not stored events of a")
        }).pipe(Effect.provide(live({ url: server.url, timeout: "2 seconds" })))
      }))

    it.live("is let in by its password, as the environment says, and not without", () =>
      Effect.gen(function*() {
        const server = yield* Redis.open({ flags: ["--requirepass", "t0p"] })
        const env = { REDIS_URL: server.url, REDIS_PASSWORD: "t0p" }
        const known = Layer.provide(RedisBroker.layerConfig(), ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
        yield* Effect.provide(Broker.publish(words("a"), "one"), Layer.merge(known, JsonCodecLive))
        const reason = yield* Effect.provide(
          reasonOf(Broker.publish(words("a"), "one")),
          live({ url: server.url, password: Redacted.make("wrong"), timeout: "2 seconds" })
        )
        assert.strictEqual(reason._tag, "BrokerUnavailable")
        assert.match(reason.message, /WRONGPASS|NOAUTH/)
      }))

    it.live("refuses what is too large, and says so where the key is something else", () =>
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const client = yield* bare
        const refused = yield* reasonOf(broker.publish("a", [message("far too long")]))
        assert.strictEqual(refused._tag, "Refused")
        yield* Effect.promise(() => client.set("taken:a", "text"))
        const { message: said } = yield* reasonOf(broker.publish("a", [message("1")]))
        assert.include(said, "WRONGTYPE")
        assert.include((yield* reasonOf(Effect.scoped(listen("a")))).message, "WRONGTYPE")
      }).pipe(Effect.provide(live({ prefix: "taken:", maxBody: 8 }))))

    it.live("keeps no more events than it was told, or a few", () =>
      Effect.gen(function*() {
        const client = yield* bare
        yield* Broker.publishAll(words("a"), Array.from({ length: 2000 }, (_, at) => `word ${at}`))
        const length = yield* Effect.promise(() => client.xLen("trimmed:a"))
        assert.isBelow(length, 1200)
        assert.isAtLeast(length, 1000)
      }).pipe(Effect.provide(live({ prefix: "trimmed:", maxLength: 1000 }))))

    it.live("buries entries of another kind, and reads those that have a body", () =>
      Effect.gen(function*() {
        const client = yield* bare
        const letters = yield* graveyard("a.dead")
        const told = yield* Queue.unbounded<Received>()
        yield* Broker.subscribe(words("a"), (_, received) => Queue.offer(told, received))
        yield* Effect.promise(() => client.xAdd("foreign:a", "*", { sku: "pen" }))
        const place = yield* Effect.promise(() => client.xAdd("foreign:a", "*", { body: `"one"`, headers: "none" }))
        assert.deepStrictEqual(yield* Queue.take(told), { id: String(place), topic: "a", headers: {}, attempt: 1 })
        assert.strictEqual((yield* Queue.take(letters)).headers[Header.deadLetterReason], "undecodable")
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.provide(live({ prefix: "foreign:" }))))

    it.live("hands a subscriber that is too slow no more than it asks for, and the others all", () =>
      Effect.gen(function*() {
        const client = yield* bare
        const begun = yield* Deferred.make<void>()
        const handler = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
        yield* Broker.subscribe(words("a"), handler, { group: "slow", prefetch: 8 })
        const quick = yield* listen("a", { group: "quick" })
        const sent = Array.from({ length: 500 }, (_, at) => `word ${at}`)
        yield* Broker.publishAll(words("a"), sent)
        yield* Deferred.await(begun)
        assert.deepStrictEqual(yield* Queue.takeN(quick, 500), sent)
        const groups = yield* Effect.promise(() => client.xInfoGroups("bounded:a"))
        assert.isAtMost(Number(groups.find(({ name }) => String(name) === "slow")!.pending), 8)
      }).pipe(Effect.provide(live({ prefix: "bounded:" }))))

    it.live("loses nothing while members of a group come and go", () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* handledWhileMembersChange).size, 2000)
      }).pipe(Effect.provide(live())))
  })
})
