import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Net from "node:net"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import type { Connection, Exchange, Reply, TransportError } from "../src/Transport.ts"
import { isFailure } from "../src/Transport.ts"
import { proxy, silentServer } from "./mux/wire.ts"
import * as Exchanges from "./suites/exchanges.ts"
import { bytes, call, text } from "./suites/exchanges.ts"
import { reasonOf, transportSuite } from "./suites/transport.ts"

transportSuite("HttpTransport", HttpTransport.layer({ host: "127.0.0.1" }))

/** A server and a client, each a transport of its own. */
const pair = (
  exchange: Exchange,
  options: { readonly server?: HttpTransport.Options; readonly client?: HttpTransport.Options } = {}
) =>
  Effect.gen(function*() {
    const server = yield* HttpTransport.make({ host: "127.0.0.1", ...options.server })
    const client = yield* HttpTransport.make(options.client)
    return yield* client.connect(yield* server.listen("orders", exchange))
  })

const shown = (reply: Reply): string => isFailure(reply) ? `${reply.status}: ${text(reply)}` : `${reply.length} bytes`

/** What becomes of one message, unary and in a stream. */
const bothWays = (connection: Connection, message: Uint8Array) =>
  Effect.gen(function*() {
    const unary = Effect.map(connection.unary(call("echo"), message), (reply) => [reply])
    const alone = Stream.runCollect(connection.stream(call("echo"), message))
    const streamed = Stream.runCollect(connection.stream(call("echo"), Stream.succeed(message)))
    return yield* Effect.forEach([unary, alone, streamed], (replies) =>
      Effect.match(replies, {
        onFailure: ({ reason }) => reason._tag as string,
        onSuccess: (replies) => replies.map(shown).join(", ")
      }))
  })

const alive = (connection: Connection) =>
  Effect.map(connection.unary(call("echo"), bytes("alive")), (reply) => assert.strictEqual(text(reply), "alive"))

const problem = <A>(effect: Effect.Effect<A, TransportError, Scope.Scope>) =>
  Effect.map(Effect.flip(Effect.scoped(effect)), ({ reason }) => reason)

describe("a connection of HttpTransport that is lost", () => {
  it.live("fails all that is under way at once, and interrupts the handlers", () =>
    Effect.gen(function*() {
      const server = yield* HttpTransport.make({ host: "127.0.0.1" })
      const client = yield* HttpTransport.make()
      const hangs = [yield* Exchanges.hanging, yield* Exchanges.hanging, yield* Exchanges.hanging]
      const pick = (method: string) => method === "echo" ? Exchanges.echo : hangs[Number(method)].exchange
      const address = yield* server.listen("orders", {
        unary: (call, message) => pick(call.method).unary(call, message),
        stream: (call, messages) => pick(call.method).stream(call, messages)
      })
      const { cut, url } = yield* proxy(Number(new URL(address).port))
      const connection = yield* client.connect(url)
      const callers: ReadonlyArray<Effect.Effect<unknown, TransportError>> = [
        connection.unary(call("0"), bytes("")),
        Stream.runDrain(connection.stream(call("1"), bytes(""))),
        Stream.runDrain(connection.stream(call("2"), Stream.never))
      ]
      const fibers = yield* Effect.forEach(callers, (caller) => Effect.forkScoped(reasonOf(caller)))
      for (const { started } of hangs) yield* Deferred.await(started)
      yield* cut
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "ConnectionLost")
      for (const { interrupted } of hangs) yield* Deferred.await(interrupted)
      yield* connection.closed
      assert.strictEqual(yield* reasonOf(connection.unary(call("0"), bytes(""))), "NotConnected")
      yield* alive(yield* client.connect(address))
    }))
})

describe("connecting by HttpTransport", () => {
  it.live("fails where nobody listens, or what listens does not speak frames", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ connectTimeout: 50 })
      const closed = yield* Effect.scoped(silentServer(() => undefined))
      const silent = yield* silentServer(() => undefined)
      const rude = yield* silentServer((socket) => socket.destroy())
      const plain = yield* silentServer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
      const babbling = yield* silentServer((socket) => socket.end("220 mail.example.org ESMTP\r\n"))
      for (
        const [url, why] of [[closed, "ECONNREFUSED"], [silent, "50 ms"], [rude, ""], [plain, "200"], [babbling, ""]]
      ) {
        const reason = yield* problem(transport.connect(url))
        assert.strictEqual(reason._tag, "NotConnected")
        assert.include(reason.message, why)
        assert.strictEqual(new URL(reason.address).host, new URL(url).host)
      }
    }))

  it.live("leaves nothing behind when it is interrupted", () =>
    Effect.gen(function*() {
      const connected = yield* Deferred.make<Net.Socket>()
      const url = yield* silentServer((socket) => Deferred.doneUnsafe(connected, Exit.succeed(socket)))
      const transport = yield* HttpTransport.make()
      const connecting = yield* Effect.forkScoped(Effect.scoped(transport.connect(url)))
      const socket = yield* Deferred.await(connected)
      const closed = Effect.callback<void>((resume) => void socket.on("close", () => resume(Effect.void)))
      yield* Effect.all([closed, Fiber.interrupt(connecting)], { concurrency: 2 })
    }))

  it.live("refuses addresses that it cannot make sense of", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make()
      for (
        const address of ["", "orders", "micro:", "micro:4000", "micro://", "micro://host", "micro://:80", "ftp://h:1"]
      ) {
        const reason = yield* problem(transport.connect(address))
        assert.strictEqual(reason._tag, "Unsupported", address)
      }
    }))
})

describe("listening by HttpTransport", () => {
  it.live("names the address whose port is in use", () =>
    Effect.gen(function*() {
      const first = yield* HttpTransport.make({ host: "127.0.0.1" })
      const port = Number(new URL(yield* first.listen("orders", Exchanges.echo)).port)
      const second = yield* HttpTransport.make({ host: "127.0.0.1", port })
      const reason = yield* problem(second.listen("orders", Exchanges.echo))
      assert.strictEqual(reason._tag, "CannotListen")
      assert.include(reason.address, `127.0.0.1:${port}`)
    }))

  it.live("serves all services on one port, each at most once", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const address = yield* transport.listen("orders", Exchanges.echo)
      assert.strictEqual(yield* transport.listen("stock", Exchanges.echo), address)
      const reason = yield* problem(transport.listen("orders", Exchanges.echo))
      assert.strictEqual(reason._tag, "CannotListen")
      assert.include(reason.message, "orders")
      yield* alive(yield* transport.connect(address))
    }))

  it.live("ends one service without the others", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const address = yield* transport.listen("orders", Exchanges.echo)
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const scope = yield* Scope.make()
      yield* Scope.provide(transport.listen("stock", exchange), scope)
      const connection = yield* transport.connect(address)
      const toStock = call("hang", { service: "stock" })
      const callers = yield* Effect.forEach(
        ["unary", "stream"] as const,
        (kind) => Effect.forkScoped(reasonOf(Exchanges.ask(connection, kind, toStock)))
      )
      yield* Deferred.await(started)
      yield* Exchanges.roundTrips(connection, 1)
      yield* Scope.close(scope, Exit.void)
      for (const caller of callers) assert.strictEqual(yield* Fiber.join(caller), "ConnectionLost")
      yield* Deferred.await(interrupted)
      assert.include(shown(yield* connection.unary(toStock, bytes(""))), "Unimplemented")
      yield* alive(connection)
    }))
})

describe("the limits of HttpTransport", () => {
  it.live("keep a large message from leaving", () =>
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.echo, { client: { maxMessage: 1000 } })
      assert.deepStrictEqual(yield* bothWays(connection, new Uint8Array(1001)), Array(3).fill("LimitExceeded"))
      assert.deepStrictEqual(yield* bothWays(connection, new Uint8Array(1000)), Array(3).fill("1000 bytes"))
    }))

  it.live("keep a client from sending what only the server minds", () =>
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.echo, { server: { maxMessage: 1000 } })
      for (const size of [1001, 20_000, 2_000_000]) {
        for (const outcome of yield* bothWays(connection, new Uint8Array(size))) {
          assert.strictEqual(outcome, "LimitExceeded")
        }
      }
      assert.deepStrictEqual(yield* bothWays(connection, new Uint8Array(1000)), Array(3).fill("1000 bytes"))
    }))

  it.live("do not take a large reply, and free its number", () =>
    Effect.gen(function*() {
      const sized = (call: { readonly method: string }) =>
        new Uint8Array(call.method === "echo" ? 5 : Number(call.method))
      const connection = yield* pair(
        {
          unary: (call) => Effect.succeed(sized(call)),
          stream: (call) => Stream.fromArray([sized(call), sized(call)])
        },
        { client: { maxMessage: 1000, maxCalls: 2 } }
      )
      for (const size of ["1001", "20000", "2000000"]) {
        assert.match(shown(yield* connection.unary(call(size), bytes(""))), /^Malformed: /)
        const replies = yield* Stream.runCollect(connection.stream(call(size), bytes("")))
        assert.match(replies.map(shown).join(), /^Malformed: /)
      }
      assert.strictEqual(shown(yield* connection.unary(call("1000"), bytes(""))), "1000 bytes")
    }))

  it.live("hold for the headers, on either side", () =>
    Effect.gen(function*() {
      const headers = { long: "ü".repeat(500) }
      const minding = yield* pair(Exchanges.echo, { client: { maxHeaders: 1000 } })
      const reason = yield* Effect.flip(minding.unary(call("echo", { headers }), bytes("")))
      assert.strictEqual(reason.reason._tag, "LimitExceeded")
      yield* alive(minding)
      const strict = yield* pair(Exchanges.echo, { server: { maxHeaders: 1000 } })
      const refused = yield* Effect.flip(strict.unary(call("echo", { headers }), bytes("")))
      assert.strictEqual(refused.reason._tag, "LimitExceeded")
      yield* alive(strict)
      const wide = yield* pair(Exchanges.echo, { server: { maxHeaders: 1_000_000 }, client: { maxHeaders: 1_000_000 } })
      yield* wide.unary(call("echo", { headers: { long: "x".repeat(500_000) } }), bytes(""))
      yield* alive(wide)
    }))

  it.live("refuse a call more than either side bears", () =>
    Effect.gen(function*() {
      for (const options of [{ server: { maxCalls: 2 } }, { client: { maxCalls: 2 } }]) {
        const gate = yield* Deferred.make<void>()
        const { exchange } = yield* Exchanges.hangingUntil(Deferred.await(gate))
        const connection = yield* pair(exchange, options)
        const two = yield* Effect.forEach(
          [1, 2],
          () => Effect.forkScoped(connection.unary(call("hang"), bytes("")), { startImmediately: true })
        )
        assert.match(shown(yield* connection.unary(call("hang"), bytes(""))), /^Overloaded: /)
        const replies = yield* Stream.runCollect(connection.stream(call("hang"), bytes("")))
        assert.match(replies.map(shown).join(), /^Overloaded: /)
        yield* Deferred.succeed(gate, undefined)
        for (const fiber of two) assert.strictEqual(shown(yield* Fiber.join(fiber)), "4 bytes")
        assert.strictEqual(shown(yield* connection.unary(call("hang"), bytes(""))), "4 bytes")
      }
    }))
})

describe("a connection of HttpTransport", () => {
  it.live("closes when the listener does, once what is under way has ended", () =>
    Effect.gen(function*() {
      const server = yield* HttpTransport.make({ host: "127.0.0.1" })
      const client = yield* HttpTransport.make()
      const scope = yield* Scope.make()
      const connection = yield* client.connect(yield* Scope.provide(server.listen("orders", Exchanges.echo), scope))
      yield* alive(connection)
      const closed = yield* Effect.forkScoped(connection.closed, { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(closed)
      assert.strictEqual(yield* reasonOf(connection.unary(call("echo"), bytes(""))), "NotConnected")
    }))

  it.live("closes when nobody uses it, and not before", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const { exchange, started } = yield* Exchanges.hangingUntil(Deferred.await(gate))
      const connection = yield* pair(exchange, { client: { idleTimeout: 20 } })
      const caller = yield* Effect.forkScoped(connection.unary(call("hang"), bytes("")))
      yield* Deferred.await(started)
      const first = yield* Effect.raceFirst(
        Effect.as(connection.closed, "closed"),
        Effect.as(Effect.sleep(100), "open")
      )
      assert.strictEqual(first, "open")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(caller)
      yield* connection.closed
    }))

  it.live("is shared by its streams in turn, however full it is and however many they are", () =>
    Effect.gen(function*() {
      const warnings: Array<Error> = []
      const warn = (warning: Error) => warnings.push(warning)
      yield* Effect.acquireRelease(
        Effect.sync(() => process.on("warning", warn)),
        () => Effect.sync(() => process.off("warning", warn))
      )
      // Each may have four times on its way what a socket keeps before it asks for patience.
      const connection = yield* pair(Exchanges.fromStream(() => Exchanges.endless(16 * 1024).replies))
      const counts = Array.from({ length: 20 }, () => 0)
      const enough = yield* Deferred.make<void>()
      for (const index of counts.keys()) {
        const replies = connection.stream(call("ask"), bytes(""))
        yield* Effect.forkScoped(
          Stream.runForEach(replies, () => ++counts[index] === 400 ? Deferred.succeed(enough, undefined) : Effect.void)
        )
      }
      yield* Deferred.await(enough)
      assert.isAtLeast(Math.min(...counts), 200)
      assert.deepStrictEqual(warnings, [])
    }))

  it.live("leaves no socket, no timer and no listener behind", () =>
    Effect.gen(function*() {
      const round = Effect.gen(function*() {
        const { exchange, started } = yield* Exchanges.hanging
        const connection = yield* pair({
          unary: Exchanges.echo.unary,
          stream: (call, messages) =>
            call.method === "hang" ? exchange.stream(call, messages) : Exchanges.echo.stream(call, messages)
        })
        yield* alive(connection)
        yield* Stream.runDrain(connection.stream(call("echo", { timeout: 60_000 }), Exchanges.numbered(10)))
        yield* Effect.forkScoped(Effect.ignore(Exchanges.ask(connection, "stream", call("hang", { timeout: 60_000 }))))
        yield* Deferred.await(started)
      })
      const left = Effect.andThen(turns, Effect.sync(() => process.getActiveResourcesInfo().length))
      yield* Effect.scoped(round)
      const before = yield* left
      for (let index = 0; index < 50; index++) yield* Effect.scoped(round)
      // The runner of this test has timers of its own, that come and go.
      assert.isAtMost(yield* left, before + 3)
    }))
})

/** A few turns of the event loop, in which what has been destroyed closes. */
const turns: Effect.Effect<void> = Effect.repeat(
  Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void))),
  { times: 20 }
).pipe(Effect.asVoid)
