import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { connect, headers as natsHeaders } from "@nats-io/transport-node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as Broker from "../src/Broker.ts"
import type { BrokerError } from "../src/BrokerError.ts"
import type { Codec } from "../src/Codec.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import * as NatsBroker from "../src/Layers/NatsBroker.ts"
import type { Received } from "../src/Message.ts"
import * as Nats from "./servers/nats.ts"
import * as Operator from "./servers/natsOperator.ts"
import * as Process from "./servers/process.ts"
import { brokerSuite, listen, message, words } from "./suites/broker.ts"
import { handledWhileMembersChange } from "./suites/rebalancing.ts"
import { local } from "./tls/certificates.ts"

describe.skipIf(Nats.isMissing)("with nats-server", () => {
  const scope = Scope.makeUnsafe()
  let shared: Nats.Nats
  beforeAll(async () => {
    shared = await Effect.runPromise(Scope.provide(Nats.open(), scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  brokerSuite("NatsBroker", Layer.suspend(() => NatsBroker.layer({ servers: shared.url })), { wildcard: "laws.*" })

  const live = (options?: NatsBroker.Options) =>
    Layer.suspend(() => NatsBroker.layer({ servers: shared.url, ...options })).pipe(
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")),
      Layer.merge(JsonCodecLive)
    )
  const bare = Effect.acquireRelease(
    Effect.promise(() => connect({ servers: shared.url })),
    (connection) => Effect.promise(() => connection.close())
  )
  const reasonOf = (effect: Effect.Effect<unknown, BrokerError, Broker.Broker | Codec>) =>
    Effect.map(Effect.flip(effect), ({ reason }) => reason)

  describe("NatsBroker", () => {
    it.live("names the server that took the events", () =>
      Effect.gen(function*() {
        const { acceptedBy } = yield* Broker.publishAll(words("a"), ["one", "two"])
        const { info } = yield* bare
        assert.deepStrictEqual(acceptedBy, [info!.server_name])
      }).pipe(Effect.provide(live())))

    it.live("waits for a server that is away at the start, and listens once it is there", () =>
      Effect.gen(function*() {
        const server = yield* Nats.open()
        yield* server.kill
        yield* Effect.gen(function*() {
          const hearing = yield* Effect.forkChild(listen("a"))
          const publishing = yield* Effect.forkChild(Broker.publish(words("b"), "one"))
          yield* server.start
          yield* Fiber.join(publishing)
          const heard = yield* Fiber.join(hearing)
          yield* Broker.publish(words("a"), "two")
          assert.strictEqual(yield* Queue.take(heard), "two")
        }).pipe(Effect.provide(live({ servers: server.url })))
      }), 30_000)

    it.live(
      "finds back with its subscriptions to a server that was killed, and lets publishers wait meanwhile",
      () =>
        Effect.gen(function*() {
          const server = yield* Nats.open()
          yield* Effect.gen(function*() {
            const all = [yield* listen("a"), yield* listen("a", { group: "g" })]
            yield* server.kill
            yield* reasonOf(Broker.publish(words("a"), "into the void")).pipe(Effect.timeoutOption("1 second"))
            const publishing = yield* Effect.forkChild(Effect.eventually(Broker.publish(words("a"), "back")))
            yield* server.start
            yield* Fiber.join(publishing)
            for (const heard of all) assert.strictEqual(yield* Queue.take(heard), "back")
          }).pipe(Effect.provide(live({ servers: server.url })))
        }),
      30_000
    )

    it.live("fails when its time is up, and says who is away and why", () =>
      Effect.gen(function*() {
        const server = yield* Nats.open()
        yield* server.kill
        const away = live({ servers: server.url.replace("//", "//ann:secret@"), timeout: "2 seconds" })
        for (const effect of [Broker.publish(words("a"), "one"), Effect.asVoid(Effect.scoped(listen("a")))]) {
          const reason = yield* Effect.provide(reasonOf(effect), away)
          assert.strictEqual(reason._tag, "BrokerUnavailable")
          assert.include(reason.message, server.url)
          assert.include(reason.message, "connection refused")
          assert.notInclude(reason.message, "secret")
        }
      }))

    it.live("does not wait for good for a server that has stopped answering", () =>
      Effect.gen(function*() {
        const server = yield* Nats.open()
        yield* Effect.gen(function*() {
          yield* Broker.publish(words("a"), "one")
          yield* server.stop
          const { _tag, message } = yield* reasonOf(Broker.publish(words("a"), "two"))
          yield* server.resume
          assert.deepStrictEqual([_tag, message.endsWith("does not answer")], ["BrokerUnavailable", true])
        }).pipe(Effect.provide(live({ servers: server.url, timeout: "2 seconds" })))
      }))

    it.live.each(
      [
        ["token", `authorization { token: "t0p" }`, { token: Redacted.make("t0p") }],
        [
          "user and password",
          `authorization { user: "ann", password: "t0p" }`,
          { user: "ann", password: Redacted.make("t0p") }
        ]
      ] as const
    )("is let in by its %s, and not without", ([_, config, secret]) =>
      Effect.gen(function*() {
        const server = yield* Nats.open({ config })
        yield* Effect.provide(Broker.publish(words("a"), "one"), live({ servers: server.url, ...secret }))
        const wrong = live({ servers: server.url, timeout: "2 seconds" })
        const { message } = yield* Effect.provide(reasonOf(Broker.publish(words("a"), "one")), wrong)
        assert.match(message, /authorization/i)
      }))

    it.live("is let in by its credentials", () =>
      Effect.gen(function*() {
        const { config, credentials } = Operator.make()
        const server = yield* Nats.open({ config })
        const known = live({ servers: server.url, credentials: Redacted.make(credentials) })
        yield* Effect.provide(Broker.publish(words("a"), "one"), known)
        const wrong = live({ servers: server.url, timeout: "2 seconds" })
        const { message } = yield* Effect.provide(reasonOf(Broker.publish(words("a"), "one")), wrong)
        assert.match(message, /authorization/i)
      }))

    it.live("speaks TLS with those whom it trusts, and is known by its own certificate", () =>
      Effect.gen(function*() {
        const { ca, cert, key } = local({ hosts: ["localhost"] })
        const folder = yield* Process.folder
        for (const [name, text] of Object.entries({ ca, cert, key })) fs.writeFileSync(`${folder}/${name}.pem`, text)
        const files = `cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem", ca_file: "${folder}/ca.pem"`
        const server = yield* Nats.open({ host: "localhost", config: `tls { ${files}, verify: true }` })
        const tls = { ca: { file: `${folder}/ca.pem` }, cert, key: Redacted.make(key) }
        yield* Effect.provide(Broker.publish(words("a"), "one"), live({ servers: server.url, tls }))
        const stranger = live({ servers: server.url, tls: true, timeout: "2 seconds" })
        const { _tag } = yield* Effect.provide(reasonOf(Broker.publish(words("a"), "one")), stranger)
        assert.strictEqual(_tag, "BrokerUnavailable")
      }))

    it.live("is configured by the environment", () =>
      Effect.gen(function*() {
        const server = yield* Nats.open({ config: `authorization { token: "t0p" }` })
        const env = { NATS_URL: `${server.url}, ${server.url}`, NATS_TOKEN: "t0p" }
        const configured = Layer.provide(
          NatsBroker.layerConfig(),
          ConfigProvider.layer(ConfigProvider.fromUnknown(env))
        )
        yield* Effect.provide(Broker.publish(words("a"), "one"), Layer.merge(configured, JsonCodecLive))
      }))

    it.live("refuses a topic that is no subject", () =>
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        for (
          const name of [".a", "a.", "a..b", "a.*", ">", "a*", "$SYS.a", "_INBOX.a", "_micro.a", "a b", "a\r\nPUB b 0"]
        ) {
          const reason = yield* reasonOf(broker.publish(name, [message("one")]))
          assert.strictEqual(reason._tag, "Refused", name)
        }
        for (const name of ["a.>.b", "a*", ">a"]) {
          const reason = yield* reasonOf(Effect.scoped(broker.subscribe(name, { wildcards: true, prefetch: 1 })))
          assert.strictEqual(reason._tag, "Refused", name)
        }
      }).pipe(Effect.provide(live())))

    it.live("refuses what the server would not carry, and names its limit", () =>
      Effect.gen(function*() {
        const server = yield* Nats.open({ config: "max_payload: 2048" })
        yield* Effect.gen(function*() {
          const broker = yield* Broker.Broker
          const heard = yield* listen("a")
          const [large, small] = [message("x".repeat(2000)), message("small")]
          const reason = yield* reasonOf(broker.publish("a", [small, large]))
          assert.strictEqual(reason._tag, "Refused")
          assert.include(reason.message, "max_payload of 2048")
          for (const headers of [{ "two words": "" }, { x: "a\r\nb" }]) {
            assert.strictEqual((yield* reasonOf(broker.publish("a", [{ ...small, headers }])))._tag, "Refused")
          }
          yield* broker.publish("a", [message("x".repeat(1800)), small])
          yield* Queue.take(heard)
          assert.strictEqual(yield* Queue.take(heard), "small")
        }).pipe(Effect.provide(live({ servers: server.url })))
      }))

    it.live("hears publishers of another kind, with the headers that they have", () =>
      Effect.gen(function*() {
        const connection = yield* bare
        const told = yield* Queue.unbounded<Received>()
        yield* Broker.subscribe(words("a.foreign"), (_, received) => Queue.offer(told, received))
        connection.publish("a.foreign", `"bare"`)
        const headers = natsHeaders()
        headers.append("Content-Type", "application/json")
        headers.append("X-Many", "one")
        headers.append("X-Many", "two")
        headers.append("Nats-Expected-Stream", "s")
        connection.publish("a.foreign", `"with headers"`, { headers })
        const [first, second] = yield* Queue.takeN(told, 2)
        assert.deepStrictEqual(first?.headers, {})
        assert.deepStrictEqual(second?.headers, { "content-type": "application/json", "x-many": "one, two" })
        assert.notStrictEqual(first?.id, second?.id)
      }).pipe(Effect.provide(live())))

    it.live("drops the newest for a subscriber that is too slow, and nothing for the others", () =>
      Effect.gen(function*() {
        const latch = yield* Latch.make(false)
        const slow = yield* Queue.unbounded<string>()
        const quick = yield* listen("a")
        const begun = yield* Deferred.make<void>()
        const broker = yield* NatsBroker.make({ servers: shared.url, inbox: 2 })
        const handler = (word: string) =>
          Deferred.succeed(begun, undefined).pipe(
            Effect.andThen(latch.await),
            Effect.andThen(Queue.offer(slow, word))
          )
        yield* Effect.provideService(Broker.subscribe(words("a"), handler, { prefetch: 1 }), Broker.Broker, broker)
        yield* Broker.publish(words("a"), "in the handler")
        yield* Deferred.await(begun)
        const more = ["1", "2", "3", "4"]
        yield* Broker.publishAll(words("a"), more)
        assert.deepStrictEqual(yield* Queue.takeN(quick, 5), ["in the handler", ...more])
        yield* latch.open
        assert.deepStrictEqual(yield* Queue.takeN(slow, 3), ["in the handler", "1", "2"])
        // Nobody can tell when it listens again but by what comes of it.
        yield* Effect.forkScoped(Effect.repeat(Broker.publish(words("a"), "5"), Schedule.spaced("10 millis")))
        assert.strictEqual(yield* Queue.take(slow), "5")
      }).pipe(Effect.provide(live())))

    it.live("loses nothing while members of a group come and go", () =>
      Effect.gen(function*() {
        const counts = yield* handledWhileMembersChange
        assert.deepStrictEqual([...counts.values()].filter((count) => count !== 1), [])
      }).pipe(Effect.provide(live())))
  })
})
