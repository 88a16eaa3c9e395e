import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { connect } from "@nats-io/transport-node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Broker from "../src/Broker.ts"
import * as Contract from "../src/Contract.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import * as NatsBroker from "../src/Layers/NatsBroker.ts"
import * as NatsRegistry from "../src/Layers/NatsRegistry.ts"
import * as NatsTransport from "../src/Layers/NatsTransport.ts"
import { Registry, type RegistryError } from "../src/Registry.ts"
import * as Rpc from "../src/Rpc.ts"
import * as Proxy from "./faults/proxy.ts"
import * as Nats from "./servers/nats.ts"
import { network } from "./suites/fleet.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

class Echo extends Contract.Service<Echo>()("echo", {
  say: Contract.method({ payload: Schema.String, success: Schema.String, idempotent: true }),
  wait: Contract.method({ payload: Schema.String, success: Schema.String })
}) {}

describe.skipIf(Nats.isMissing)("with nats-server", () => {
  const scope = Scope.makeUnsafe()
  let shared: Nats.Nats
  let domains = 0
  beforeAll(async () => {
    shared = await Effect.runPromise(Scope.provide(Nats.open(), scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const quiet = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
    Layer.provide(layer, Layer.succeed(References.MinimumLogLevel, "None"))
  const registry = (options?: NatsRegistry.Options) =>
    Effect.provideService(
      NatsRegistry.make({ servers: shared.url, ...options }),
      References.MinimumLogLevel,
      "None" as const
    )
  const newDomain = Effect.sync(() => `d${++domains}`)
  /** What is listed, each list once. */
  const following = (registry: Registry["Service"]) =>
    Effect.gen(function*() {
      const lists = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(registry.watch("orders"), (list) => Queue.offer(lists, ids(list).join()))
      )
      return lists
    })
  const listed = (registry: Registry["Service"], ...expected: ReadonlyArray<string>) =>
    awaitList(registry.watch("orders"), (list) => ids(list).join() === expected.join())
  const problemOf = <A>(effect: Effect.Effect<A, RegistryError, Scope.Scope>) =>
    Effect.map(Effect.flip(Effect.scoped(effect)), ({ message }) => message)

  registrySuite(
    "NatsRegistry",
    Layer.effect(Registry, Effect.flatMap(newDomain, (domain) => registry({ domain })))
  )

  describe("NatsRegistry", () => {
    it.live("finds in its first list who was there before, and is told who comes and goes", () =>
      Effect.gen(function*() {
        const domain = yield* newDomain
        const [here, there] = [yield* registry({ domain }), yield* registry({ domain })]
        const leaving = yield* Scope.make()
        yield* Scope.provide(there.register(instance("one")), leaving)
        yield* there.register(instance("two"))
        const late = yield* registry({ domain })
        const lists = yield* following(late)
        assert.strictEqual(yield* Queue.take(lists), "one,two")
        yield* here.register(instance("three"))
        assert.strictEqual(yield* Queue.take(lists), "one,three,two")
        yield* Scope.close(leaving, Exit.void)
        assert.strictEqual(yield* Queue.take(lists), "three,two")
        yield* listed(there, "three", "two")
      }))

    it.live("keeps domains apart, and knows at once that nobody is in one", () =>
      Effect.gen(function*() {
        const [domain, other] = [yield* newDomain, yield* newDomain]
        yield* (yield* registry({ domain })).register(instance("one"))
        const lists = yield* following(yield* registry({ domain: other }))
        assert.strictEqual(yield* Queue.take(lists), "")
      }))

    it.live("drops who crashed when it is doubted, else when it was not heard for three heartbeats", () =>
      Effect.gen(function*() {
        const domain = yield* newDomain
        const here = yield* registry({ domain, heartbeat: "1 hour" })
        const proxy = yield* Proxy.make(Number(new URL(shared.url).port))
        const servers = `nats://127.0.0.1:${proxy.port}`
        yield* (yield* registry({ domain, servers, heartbeat: "300 millis" })).register(instance("fast"))
        yield* (yield* registry({ domain, servers, heartbeat: "1 hour" })).register(instance("slow"))
        yield* (yield* registry({ domain, heartbeat: "1 hour" })).register(instance("there"))
        yield* listed(here, "fast", "slow", "there")
        yield* proxy.strike("silence")
        yield* listed(here, "slow", "there")
        for (const id of ["slow", "there"]) yield* here.doubt(instance(id))
        yield* listed(here, "there")
        // Who waits for a silent server to hear a farewell, waits for a second.
        yield* proxy.strike("reset")
      }))

    it.live(
      "keeps its list while the server is away, and finds all again when it is back",
      () =>
        Effect.gen(function*() {
          const server = yield* Nats.open()
          const options = { servers: server.url, heartbeat: "200 millis" } as const
          const [here, there] = [yield* registry(options), yield* registry(options)]
          yield* there.register(instance("one"))
          const lists = yield* following(here)
          const before = yield* Queue.take(lists)
          if (before === "") assert.strictEqual(yield* Queue.take(lists), "one")
          yield* server.kill
          const starting = yield* Effect.forkScoped(there.register(instance("two")))
          yield* server.start
          yield* Fiber.join(starting)
          // Nobody was gone in between.
          assert.strictEqual(yield* Queue.take(lists), "one,two")
          yield* listed(yield* registry(options), "one", "two")
        }),
      30_000
    )

    it.live("fails where there is no server, and says who is away", () =>
      Effect.gen(function*() {
        const { register, watch } = yield* registry({ servers: "nats://127.0.0.1:1", timeout: 20 })
        const away = /^The NATS registry is not available: NATS at nats:\/\/127\.0\.0\.1:1 is not there/
        assert.match(yield* problemOf(register(instance("one"))), away)
        assert.match(yield* problemOf(Stream.runHead(watch("orders"))), away)
      }))

    it.live("refuses an instance that says too much, and a domain that is no part of a subject", () =>
      Effect.gen(function*() {
        const domain = yield* newDomain
        const { register } = yield* registry({ domain })
        const metadata = { story: "x".repeat(65_536) }
        assert.match(
          yield* problemOf(register(instance("one", { metadata }))),
          /cannot be registered: its description has \d+ bytes; NATS takes 65536 here$/
        )
        for (const domain of ["", "a.b", "*", "a b"]) {
          assert.isTrue(Exit.hasDies(yield* Effect.exit(Effect.scoped(registry({ domain })))))
        }
      }))

    it.live("passes over what makes no sense, whoever says it", () =>
      Effect.gen(function*() {
        const domain = yield* newDomain
        const here = yield* registry({ domain })
        yield* here.register(instance("one"))
        yield* listed(here, "one")
        const connection = yield* Effect.acquireRelease(
          Effect.promise(() => connect({ servers: shared.url })),
          (connection) => Effect.promise(() => connection.close())
        )
        for (const kind of ["here", "gone", "who"]) {
          for (const text of ["", "{", "null", "{}", "[]", `{"ttl":1}`, `{"instance":{"id":1},"ttl":-1}`, "\xff"]) {
            connection.publish(`_micro.fleet.${domain}.${kind}`, text, { reply: "answers" })
          }
        }
        // Somebody else has no say about ours.
        connection.publish(`_micro.fleet.${domain}.gone`, JSON.stringify({ service: "orders", id: "one" }))
        yield* Effect.promise(() => connection.flush())
        yield* here.register(instance("two"))
        yield* listed(here, "one", "two")
      }))

    it.live("is configured by the variables of NATS", () =>
      Effect.gen(function*() {
        const domain = yield* newDomain
        const provider = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { NATS_URL: shared.url } }))
        yield* Effect.gen(function*() {
          const { register, watch } = yield* Registry
          yield* register(instance("one"))
          assert.deepStrictEqual(ids(yield* awaitList(watch("orders"), () => true)), ["one"])
        }).pipe(Effect.provide(Layer.provide(quiet(NatsRegistry.layerConfig({ domain })), provider)))
      }))
  })

  describe("a fleet that has nothing but NATS", () => {
    it.live(
      "is discovered, called and told of events, before and after its server was killed",
      () =>
        Effect.gen(function*() {
          const server = yield* Nats.open()
          const reach = { servers: server.url }
          const member = () =>
            quiet(Layer.mergeAll(
              network({
                registry: NatsRegistry.layer({ ...reach, heartbeat: "200 millis" }),
                transport: NatsTransport.layer(reach)
              }),
              NatsBroker.layer(reach),
              JsonCodecLive
            ))
          const said = Broker.topic("said", Schema.String)
          const started = yield* Deferred.make<void>()
          const handlers = {
            say: (word: string) => Effect.as(Effect.orDie(Broker.publish(said, word)), word.toUpperCase()),
            wait: () => Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
          }
          yield* Effect.orDie(Layer.build(Layer.provideMerge(Rpc.layerServer(Echo, handlers), member())))
          yield* Effect.gen(function*() {
            const echo = yield* Echo
            const heard = yield* Queue.unbounded<string>()
            yield* Broker.subscribe(said, (word) => Queue.offer(heard, word))
            assert.strictEqual(yield* echo.say("one"), "ONE")
            assert.strictEqual(yield* Queue.take(heard), "one")
            const waiting = yield* Effect.forkChild(Effect.flip(echo.wait("")))
            yield* Deferred.await(started)
            yield* server.kill
            // It has run, and may not be repeated.
            assert.strictEqual((yield* Fiber.join(waiting)).reason._tag, "Disconnected")
            const calling = yield* Effect.forkChild(Effect.retry(echo.say("two"), Schedule.spaced("20 millis")))
            yield* server.start
            assert.strictEqual(yield* Fiber.join(calling), "TWO")
            // Core NATS keeps nothing for a subscriber that is the last one to be back.
            yield* Effect.forkChild(Effect.repeat(echo.say("two"), Schedule.spaced("20 millis")))
            assert.strictEqual(yield* Queue.take(heard), "two")
          }).pipe(Effect.provide(Layer.provideMerge(Rpc.layerClient(Echo), Layer.fresh(member()))))
        }),
      30_000
    )
  })
})
