import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { connect, createInbox, type NatsConnection } from "@nats-io/transport-node"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import { Tube } from "../src/internal/nats/transport/tube.ts"
import * as NatsTransport from "../src/Layers/NatsTransport.ts"
import type { TransportError } from "../src/Transport.ts"
import * as Proxy from "./faults/proxy.ts"
import * as Nats from "./servers/nats.ts"
import * as Exchanges from "./suites/exchanges.ts"
import { bytes, call, text } from "./suites/exchanges.ts"
import { pair, reasonOf, transportSuite } from "./suites/transport.ts"

describe.skipIf(Nats.isMissing)("with nats-server", () => {
  const scope = Scope.makeUnsafe()
  let shared: Nats.Nats
  beforeAll(async () => {
    shared = await Effect.runPromise(Scope.provide(Nats.open(), scope))
  })
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const quiet = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
    Layer.provide(layer, Layer.succeed(References.MinimumLogLevel, "None"))
  const live = (options?: NatsTransport.Options) =>
    quiet(Layer.suspend(() => NatsTransport.layer({ servers: shared.url, ...options })))
  const transport = (options?: NatsTransport.Options) =>
    Effect.provideService(
      NatsTransport.make({ servers: shared.url, ...options }),
      References.MinimumLogLevel,
      "None" as const
    )
  const problemOf = <A>(effect: Effect.Effect<A, TransportError, Scope.Scope>) =>
    Effect.map(Effect.flip(Effect.scoped(effect)), ({ message }) => message)

  /** Until the time of the test is up. */
  const soon = Schedule.spaced("20 millis")

  transportSuite("NatsTransport", live())

  describe("NatsTransport", () => {
    it.live("knows at once that nobody is at an address, and what is none", () =>
      Effect.gen(function*() {
        const { connect } = yield* transport({ timeout: "1 hour" })
        assert.match(
          yield* problemOf(connect("nats://nobody")),
          /^nats:\/\/nobody cannot be reached: nobody listens there$/
        )
        for (
          const address of ["nats://", "nats://a.b", "nats://*", "nats://a/b", "micro://127.0.0.1:4000", "nonsense"]
        ) {
          assert.strictEqual(yield* reasonOf(Effect.scoped(connect(address))), "Unsupported")
        }
      }))

    it.live("passes over those who ask for something else, or cannot be answered", () =>
      Effect.gen(function*() {
        const { connect: dial, listen } = yield* transport()
        const address = yield* listen("orders", Exchanges.echo)
        const stranger = yield* Effect.acquireRelease(
          Effect.promise(() => connect({ servers: shared.url })),
          (connection) => Effect.promise(() => connection.close())
        )
        const subject = `_micro.port.${new URL(address).host}`
        for (const text of ["", "effect-micro/2", "\0\xff", "GET / HTTP/1.1"]) {
          stranger.publish(subject, text, { reply: "answers" })
        }
        stranger.publish(subject, "effect-micro/1")
        yield* Effect.promise(() => stranger.flush())
        const connection = yield* dial(address)
        assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("there"))), "there")
      }))

    it.live("carries messages that are longer than the server takes", () =>
      Effect.gen(function*() {
        const { url } = yield* Nats.open({ config: "max_payload: 4KB" })
        const message = new Uint8Array(300_000).map((_, at) => at * 7)
        yield* Effect.gen(function*() {
          const connection = yield* pair(Exchanges.echo)
          assert.deepStrictEqual(yield* connection.unary(call("echo"), message), Buffer.from(message))
        }).pipe(Effect.provide(live({ servers: url })))
      }))

    it.live("takes no more connections than it is told to, and says so", () =>
      Effect.gen(function*() {
        const { connect, listen } = yield* transport({ maxConnections: 1 })
        const address = yield* listen("orders", Exchanges.echo)
        const first = yield* Scope.make()
        yield* Scope.provide(connect(address), first)
        assert.match(yield* problemOf(connect(address)), /it takes no more connections$/)
        yield* Scope.close(first, Exit.void)
        yield* Effect.retry(Effect.scoped(connect(address)), soon)
      }))

    it.live("closes a connection that has had no call for a while", () =>
      Effect.gen(function*() {
        const { connect, listen } = yield* transport({ idleTimeout: 20 })
        const connection = yield* connect(yield* listen("orders", Exchanges.echo))
        yield* connection.closed
        assert.isFalse(connection.isOpen())
      }))

    it.live(
      "fails what is under way when its server is killed, and is reached again when that is back",
      () =>
        Effect.gen(function*() {
          const server = yield* Nats.open()
          const { connect, listen } = yield* transport({ servers: server.url })
          const { exchange, interrupted, started } = yield* Exchanges.hanging
          const address = yield* listen("orders", exchange)
          const stock = yield* listen("stock", Exchanges.echo)
          assert.strictEqual(stock, address)
          const connection = yield* connect(address)
          const caller = yield* Effect.forkChild(reasonOf(connection.unary(call("hang"), bytes(""))))
          yield* Deferred.await(started)
          yield* server.kill
          assert.strictEqual(yield* Fiber.join(caller), "ConnectionLost")
          yield* Deferred.await(interrupted)
          yield* connection.closed
          assert.strictEqual(yield* reasonOf(connection.unary(call("hang"), bytes(""))), "NotConnected")
          yield* server.start
          const again = yield* Effect.retry(connect(address), soon)
          const reply = yield* again.unary({ ...call("echo"), service: "stock" }, bytes("back"))
          assert.strictEqual(text(reply), "back")
        }).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
      30_000
    )

    it.live("tells callers when the other side has lost the server", () =>
      Effect.gen(function*() {
        const proxy = yield* Proxy.make(Number(new URL(shared.url).port))
        const server = yield* transport({ servers: `nats://127.0.0.1:${proxy.port}` })
        const client = yield* transport()
        const { exchange, started } = yield* Exchanges.hanging
        const address = yield* server.listen("orders", exchange)
        const connection = yield* client.connect(address)
        const caller = yield* Effect.forkChild(reasonOf(connection.unary(call("hang"), bytes(""))))
        yield* Deferred.await(started)
        yield* proxy.strike("reset")
        assert.strictEqual(yield* Fiber.join(caller), "ConnectionLost")
        yield* Effect.retry(Effect.scoped(client.connect(address)), soon)
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 30_000)

    it.live("says who is away where there is no server", () =>
      Effect.gen(function*() {
        const { connect, listen } = yield* transport({ servers: "nats://127.0.0.1:1", timeout: 20 })
        assert.match(
          yield* problemOf(connect("nats://orders")),
          /^nats:\/\/orders cannot be reached: NATS at nats:\/\/127\.0\.0\.1:1 is not there/
        )
        assert.match(
          yield* problemOf(listen("orders", Exchanges.echo)),
          /^Cannot listen on nats:\/\/\w+: NATS at nats:\/\/127\.0\.0\.1:1 is not there/
        )
      }))

    it.live("does not listen where the server does not let it", () =>
      Effect.gen(function*() {
        const { url } = yield* Nats.open({
          config: `authorization { users: [
            { user: guest, password: secret, permissions: { subscribe: { deny: "_micro.port.>" } } }
          ] }`
        })
        const { listen } = yield* transport({ servers: url, user: "guest", password: Redacted.make("secret") })
        assert.match(yield* problemOf(listen("orders", Exchanges.echo)), /NATS does not let this client listen/)
      }))

    it.live("is configured by the variables of NATS", () =>
      Effect.gen(function*() {
        const layer = quiet(NatsTransport.layerConfig({ timeout: "1 second" }))
        const provider = ConfigProvider.layer(ConfigProvider.fromEnv({ env: { NATS_URL: shared.url } }))
        yield* Effect.gen(function*() {
          const connection = yield* pair(Exchanges.echo)
          assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("there"))), "there")
        }).pipe(Effect.provide(Layer.provide(layer, provider)))
      }))
  })

  describe("a tube", () => {
    const connection = Effect.acquireRelease(
      Effect.promise(() => connect({ servers: shared.url })),
      (connection) => Effect.promise(() => connection.close())
    )
    /** An end, and what it was destroyed with. */
    const open = (connection: NatsConnection, here: string, there: string) => {
      const tube = new Tube({ connection, here, there })
      connection.subscribe(here, { callback: (_, message) => tube.hear(message) })
      const failed = Deferred.makeUnsafe<string>()
      tube.on("error", ({ message }) => Deferred.doneUnsafe(failed, Exit.succeed(message)))
      return { tube, failed: Deferred.await(failed) }
    }
    const both = Effect.gen(function*() {
      const [near, far] = [yield* connection, yield* connection]
      const [one, two] = [createInbox(), createInbox()]
      const ends = [open(near, one, two), open(far, two, one)] as const
      // What one has said, the other one has heard.
      const flushed = Effect.promise(() => near.flush().then(() => far.flush()))
      yield* flushed
      return { near, far, two, ends, flushed }
    })

    it.live("stops who writes until the other end reads on", () =>
      Effect.gen(function*() {
        const { ends: [from, to], flushed } = yield* both
        const total = 5 * 1024 * 1024
        let written = 0
        let heard = 0
        const done = Deferred.makeUnsafe<void>()
        const go = () => {
          while (written < total) {
            written += 65_536
            if (!from.tube.write(Buffer.alloc(65_536, written / 65_536))) return void from.tube.once("drain", go)
          }
          from.tube.end()
        }
        go()
        // As much as may be on its way has come, and not been read on.
        yield* Effect.promise(() => once(to.tube, "readable"))
        yield* Effect.repeat(flushed, { until: () => to.tube.readableLength >= 1024 * 1024 })
        assert.isAtMost(written, 1024 * 1024 + 3 * 65_536)
        to.tube.on("data", (chunk: Buffer) => {
          for (let at = 0; at < chunk.length; at++) {
            if (chunk[at] !== (Math.floor((heard + at) / 65_536) + 1 & 0xff)) return void to.tube.destroy()
          }
          heard += chunk.length
        })
        to.tube.on("close", () => Deferred.doneUnsafe(done, Exit.void))
        to.tube.on("end", () => to.tube.destroy())
        yield* Deferred.await(done)
        assert.strictEqual(heard, total)
      }))

    it.live("ends where a message is missing, or is none of its own", () =>
      Effect.gen(function*() {
        for (
          const [message, problem] of [
            [[1, 0, 0, 0, 1, 65], "messages were lost on the way"],
            [[1, 0, 0, 0, 0], "what came is no message of a tube"],
            [[2, 0], "what came is no message of a tube"],
            [[9], "what came is no message of a tube"],
            [[], "what came is no message of a tube"]
          ] as const
        ) {
          const { ends: [, to], near, two } = yield* both
          near.publish(two, Uint8Array.from(message))
          assert.strictEqual(yield* to.failed, problem)
        }
      }))

    it.live("ends where more comes than was agreed on", () =>
      Effect.gen(function*() {
        const { ends: [, to], near, two } = yield* both
        for (let number = 0; number < 40; number++) {
          const message = Buffer.alloc(5 + 65_536, 1)
          message.writeUInt32BE(number, 1)
          near.publish(two, message)
        }
        assert.strictEqual(yield* to.failed, "the other end sends more than was agreed on")
      }))

    it.live("ends when it asks, and nobody is at the other end any more", () =>
      Effect.gen(function*() {
        const { ends: [from], far, flushed, near } = yield* both
        from.tube.ask()
        yield* flushed
        assert.isFalse(from.tube.destroyed)
        yield* Effect.promise(() => far.close())
        // The server may be a moment behind.
        const asking = Effect.andThen(Effect.sync(() => from.tube.ask()), Effect.promise(() => near.flush()))
        assert.strictEqual(
          yield* Effect.raceFirst(from.failed, Effect.forever(asking)),
          "there is nobody any more at the other end"
        )
      }))
  })
})
