/** Whether the other side of a connection is still there, at both ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/testing/TestClock"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { silentServer } from "../mux/wire.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { reasonOf } from "../suites/transport.ts"

/** A way to a port that passes everything on, until it passes nothing on and says nothing of it. */
const wayTo = (port: number) =>
  Effect.gen(function*() {
    let silent = false
    const address = yield* silentServer((socket) => {
      const other = Net.connect(port, "127.0.0.1")
      for (const [from, to] of [[socket, other], [other, socket]]) {
        from.on("error", () => undefined)
        from.on("data", (read) => silent || to.write(read))
        from.on("close", () => silent || to.destroy())
      }
    })
    return { address, silence: Effect.sync(() => void (silent = true)) }
  })

/** A client, and a server of others, which can fall silent; each call that comes, and each ping. */
const pair = Effect.gen(function*() {
  const streams = yield* Queue.unbounded<Http2.ServerHttp2Stream>()
  const pings = yield* Queue.unbounded<void>()
  const address = yield* silentServer((socket) => {
    const session = Http2.performServerHandshake(socket)
    session.on("error", () => undefined)
    session.on("ping", () => Queue.offerUnsafe(pings, undefined))
    session.on("stream", (stream) => {
      stream.on("error", () => undefined)
      Queue.offerUnsafe(streams, stream)
    })
  })
  const transport = yield* HttpTransport.make()
  const way = yield* wayTo(Number(new URL(address).port))
  const connection = yield* transport.connect(way.address.replace(/^micro:/, "grpc:"))
  return { connection, streams, pings, silence: way.silence }
})

const answer = (stream: Http2.ServerHttp2Stream) =>
  Effect.sync(() => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
    stream.end(Buffer.from("00000000026f6b", "hex"))
  })

describe("the watch over a connection of gRPC", () => {
  it.effect("gives a server up that is silent while a call waits for it", () =>
    Effect.gen(function*() {
      const { connection, silence, streams } = yield* pair
      const lost = yield* Effect.forkScoped(reasonOf(connection.unary(call("ask"), bytes(""))))
      yield* Queue.take(streams)
      yield* silence
      yield* TestClock.adjust("10100 millis")
      assert.isUndefined(lost.pollUnsafe())
      yield* TestClock.adjust("5100 millis")
      assert.strictEqual(yield* Fiber.join(lost), "ConnectionLost")
      assert.isFalse(connection.isOpen())
    }))

  it.effect("asks a server of others twice, and then no more often than it bears, until it says something", () =>
    Effect.gen(function*() {
      const { connection, pings, streams } = yield* pair
      const slow = yield* Effect.forkScoped(connection.unary(call("slow"), bytes("")))
      const waiting = yield* Queue.take(streams)
      /** One call there and back: by then what was sent before has been read, at both ends. */
      const quick = Effect.gen(function*() {
        const caller = yield* Effect.forkScoped(connection.unary(call("quick"), bytes("")))
        yield* answer(yield* Queue.take(streams))
        assert.strictEqual(text(yield* Fiber.join(caller)), "ok")
      })
      const silence = Effect.gen(function*() {
        yield* TestClock.adjust("10100 millis")
        yield* Queue.take(pings)
        // Its answer is on its way behind the event, and read before another one is asked for.
        yield* Effect.promise(() => new Promise((resolve) => waiting.session!.ping(resolve)))
        yield* TestClock.adjust("5100 millis")
      })
      yield* silence
      yield* silence
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(yield* Queue.size(pings), 0)
      yield* TestClock.adjust("11 seconds")
      yield* Queue.take(pings)
      yield* Effect.promise(() => new Promise((resolve) => waiting.session!.ping(resolve)))
      yield* quick
      yield* TestClock.adjust("5100 millis")
      yield* silence
      yield* answer(waiting)
      assert.strictEqual(text(yield* Fiber.join(slow)), "ok")
    }))

  it.effect("gives a client up that is silent while its call runs, and interrupts the handler", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const way = yield* wayTo(Number(new URL(yield* transport.listen("orders", exchange)).port))
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(way.address.replace(/^micro:/, "http:"))),
        (session) => Effect.sync(() => session.destroy())
      )
      session.on("error", () => undefined)
      const stream = session.request({ ":method": "POST", ":path": "/orders/hang", "content-type": "application/grpc" })
      stream.on("error", () => undefined)
      stream.end(Buffer.from("0000000000", "hex"))
      yield* Deferred.await(started)
      yield* way.silence
      yield* TestClock.adjust("10100 millis")
      yield* TestClock.adjust("5100 millis")
      yield* Deferred.await(interrupted)
    }))
})
