import { assert, describe, it } from "@effect/vitest"
import { Metadata, type ServerDuplexStream, status } from "@grpc/grpc-js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Http2 from "node:http2"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import type { Call } from "../../src/Transport.ts"
import { isFailure, type Reply } from "../../src/Transport.ts"
import { silentServer } from "../mux/wire.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, text } from "../suites/exchanges.ts"
import { reasonOf } from "../suites/transport.ts"
import * as Peers from "./peers.ts"

type Handler = (call: ServerDuplexStream<Uint8Array, Uint8Array>) => void

const call = (method: string, more: Partial<Call> = {}): Call =>
  Exchanges.call(method, { contentType: "application/protobuf", ...more })

/** A connection of ours to a server of others. */
const pair = (handlers: Readonly<Record<string, Handler>>, options?: HttpTransport.Options) =>
  Effect.gen(function*() {
    const transport = yield* HttpTransport.make(options)
    return yield* transport.connect(yield* Peers.serve(handlers))
  })

const echo: Handler = (call) => {
  call.on("data", (message: Uint8Array) => call.write(message))
  call.on("end", () => call.end())
}

const shown = (reply: Reply): string => isFailure(reply) ? `${reply.status}: ${text(reply)}` : text(reply)

describe("a client, to a server of gRPC", () => {
  it.live("carries every kind of call", () =>
    Effect.gen(function*() {
      const connection = yield* pair({
        "/orders.Orders/echo": echo,
        "/orders/count": (call) => {
          call.on("data", () => {
            for (let index = 0; index < 1000; index++) call.write(bytes(`${index}`))
            call.end()
          })
        },
        "/orders/sum": (call) => {
          const all: Array<string> = []
          call.on("data", (message: Uint8Array) => all.push(text(message)))
          call.on("end", () => {
            call.write(bytes(all.join("+")))
            call.end()
          })
        }
      })
      const large = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31) % 251)
      const reply = yield* connection.unary(call("Orders.echo"), large)
      assert.isTrue(!isFailure(reply) && Buffer.compare(reply, large) === 0)
      const messages = Exchanges.numbered(1000)
      const echoed = yield* Stream.runCollect(connection.stream(call("Orders.echo"), messages))
      assert.deepStrictEqual(echoed.map(text), Array.from({ length: 1000 }, (_, index) => `${index}`))
      const counted = yield* Stream.runCollect(connection.stream(call("count"), bytes("")))
      assert.deepStrictEqual(counted.map(text), echoed.map(text))
      const summed = yield* Stream.runCollect(connection.stream(call("sum"), Exchanges.numbered(3)))
      assert.deepStrictEqual(summed.map(text), ["0+1+2"])
    }))

  it.live("sends metadata and what is left of the deadline", () =>
    Effect.gen(function*() {
      const connection = yield* pair({
        "/orders/tell": (call) => {
          const left = Number(call.getDeadline()) - Date.now()
          call.write(bytes(`${call.metadata.get("x-origin").join()} ${left > 50_000 && left <= 60_000}`))
          call.end()
        }
      })
      const made = call("tell", { headers: { "x-origin": "till 7" }, timeout: 60_000 })
      assert.strictEqual(shown(yield* connection.unary(made, bytes(""))), "till 7 true")
    }))

  it.live("understands how a call failed, before and behind replies", () =>
    Effect.gen(function*() {
      const fail: Handler = (call) => {
        call.once("data", (message: Uint8Array) => {
          const [code, ...replies] = text(message).split(" ")
          for (const reply of replies) call.write(bytes(reply))
          const metadata = new Metadata()
          metadata.set("grpc-retry-pushback-ms", "1500")
          call.emit("error", { code: Number(code), details: "größe", metadata })
        })
      }
      const connection = yield* pair({ "/orders/fail": fail })
      const json = (word: string) =>
        Effect.map(connection.unary(call("fail", { contentType: "application/json" }), bytes(word)), shown)
      assert.strictEqual(yield* json(`${status.NOT_FOUND}`), "Error: {\"code\":5,\"message\":\"größe\"}")
      assert.strictEqual(yield* json(`${status.INTERNAL}`), "Defect: größe")
      assert.strictEqual(yield* json(`${status.DEADLINE_EXCEEDED}`), "DeadlineExceeded: größe")
      assert.strictEqual(yield* reasonOf(json(`${status.UNAVAILABLE}`)), "ConnectionLost")
      const busy = yield* connection.unary(call("fail"), bytes(`${status.RESOURCE_EXHAUSTED}`))
      assert.deepInclude(busy, { status: "Overloaded", retryAfter: 1500 })
      const late = yield* Stream.runCollect(connection.stream(call("fail"), bytes(`${status.INTERNAL} a b`)))
      assert.deepStrictEqual(late.map(shown), ["a", "b", "Defect: größe"])
      assert.match(shown(yield* connection.unary(call("strange"), bytes(""))), /^Unimplemented: /)
    }))

  it.live("cancels with its caller, and at the deadline", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const cancelled = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const hang = (index: number): Handler => (call) => {
        call.on("cancelled", () => Deferred.doneUnsafe(cancelled[index], Exit.void))
        Deferred.doneUnsafe(started, Exit.void)
      }
      const connection = yield* pair({ "/orders/0": hang(0), "/orders/1": hang(1) })
      const caller = yield* Effect.forkScoped(connection.unary(call("0"), bytes("")))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(caller)
      yield* Deferred.await(cancelled[0])
      const late = yield* Stream.runCollect(connection.stream(call("1", { timeout: 50 }), Stream.never))
      assert.match(late.map(shown).join(), /^DeadlineExceeded: /)
      yield* Deferred.await(cancelled[1])
    }))

  it.live("stops its messages while the server reads none", () =>
    Effect.gen(function*() {
      const first = yield* Deferred.make<void>()
      const connection = yield* pair({
        "/orders/echo": echo,
        "/orders/stall": (call) => {
          call.once("data", () => {
            call.pause()
            Deferred.doneUnsafe(first, Exit.void)
          })
        }
      })
      const endless = Exchanges.endless(1024)
      yield* Effect.forkScoped(Stream.runDrain(connection.stream(call("stall"), endless.replies)))
      yield* Deferred.await(first)
      // Whoever could go on has had its turn.
      yield* Exchanges.roundTrips(
        { ...connection, unary: (_, message) => connection.unary(call("echo"), message) },
        100
      )
      const stopped = endless.count()
      yield* Exchanges.roundTrips(
        { ...connection, unary: (_, message) => connection.unary(call("echo"), message) },
        100
      )
      assert.isAtMost(endless.count(), stopped + 64)
    }))

  it.live("closes when nobody uses it", () =>
    Effect.gen(function*() {
      const connection = yield* pair({ "/orders/echo": echo }, { idleTimeout: 20 })
      assert.isTrue(connection.isOpen())
      yield* connection.unary(call("echo"), bytes(""))
      yield* connection.closed
      assert.isFalse(connection.isOpen())
      assert.strictEqual(yield* reasonOf(connection.unary(call("echo"), bytes(""))), "NotConnected")
    }))

  it.live("keeps its limits", () =>
    Effect.gen(function*() {
      const connection = yield* pair({ "/orders/echo": echo }, { maxMessage: 1000, maxHeaders: 100, maxCalls: 1 })
      const large = new Uint8Array(1001)
      assert.strictEqual(yield* reasonOf(connection.unary(call("echo"), large)), "LimitExceeded")
      const streamed = connection.stream(call("echo"), Stream.succeed(large))
      assert.strictEqual(yield* reasonOf(Stream.runDrain(streamed)), "LimitExceeded")
      const headers = { long: "x".repeat(100) }
      assert.strictEqual(yield* reasonOf(connection.unary(call("echo", { headers }), bytes(""))), "LimitExceeded")
      const two = Effect.all([0, 1].map(() => connection.unary(call("echo"), bytes(""))), { concurrency: 2 })
      assert.match((yield* two).map(shown).join(), /^,Overloaded: /)
    }))
})

/** A server of HTTP/2 that does as told with a stream. */
const rude = (answer: (stream: Http2.ServerHttp2Stream) => void) =>
  Effect.gen(function*() {
    const address = yield* silentServer((socket) => {
      const session = Http2.performServerHandshake(socket)
      session.on("error", () => undefined)
      session.on("stream", (stream) => {
        stream.on("error", () => undefined)
        answer(stream)
      })
    })
    const transport = yield* HttpTransport.make({ connectTimeout: 1000 })
    return yield* transport.connect(address.replace(/^micro:/, "grpc:"))
  })

describe("a client, to whoever speaks HTTP/2 or does not", () => {
  it.live.each<[string, (stream: Http2.ServerHttp2Stream) => void, string]>([
    ["knows that a refused stream never ran", (stream) => stream.close(7), "NotConnected"],
    ["does not know whether a cancelled one did", (stream) => stream.close(8), "ConnectionLost"],
    ["nor one whose connection ended", (stream) => stream.session?.destroy(), "ConnectionLost"],
    [
      "nor one that is answered without a status",
      (stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" })
        stream.end()
      },
      "ConnectionLost"
    ],
    [
      "takes the page of a proxy for what its status says",
      (stream) => {
        stream.respond({ ":status": 502, "content-type": "text/html" })
        stream.end("<h1>Bad gateway</h1>")
      },
      "ConnectionLost"
    ]
  ])("%s", ([, answer, reason]) =>
    Effect.gen(function*() {
      const connection = yield* rude(answer)
      assert.strictEqual(yield* reasonOf(connection.unary(call("a"), bytes(""))), reason)
      assert.strictEqual(
        yield* reasonOf(Stream.runDrain(connection.stream(call("a"), bytes("")))),
        connection.isOpen() ? reason : "NotConnected"
      )
    }))

  it.live("takes a stream that was asked for calm for one that was too much", () =>
    Effect.gen(function*() {
      const connection = yield* rude((stream) => stream.close(11))
      assert.match(shown(yield* connection.unary(call("a"), bytes(""))), /^Overloaded: /)
      const replies = yield* Stream.runCollect(connection.stream(call("a"), bytes("")))
      assert.match(replies.map(shown).join(), /^Overloaded: /)
    }))

  it.live("carries 200 mebibytes at once", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const address = yield* transport.listen("orders", Exchanges.echo)
      const connection = yield* transport.connect(address.replace(/^micro:/, "grpc:"))
      const calls = Array.from({ length: 200 }, () => connection.unary(call("echo"), new Uint8Array(1024 * 1024)))
      const replies = yield* Effect.all(calls, { concurrency: "unbounded" })
      assert.isTrue(replies.every((reply) => !isFailure(reply) && reply.length === 1024 * 1024))
    }))

  it.live("takes no reply over the limit", () =>
    Effect.gen(function*() {
      const connection = yield* rude((stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" })
        stream.write(Buffer.from("00ffffffff", "hex"))
      })
      assert.match(shown(yield* connection.unary(call("a"), bytes(""))), /^Malformed: .*4294967295/)
    }))

  it.live("is not connected to what speaks something else", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ connectTimeout: 1000 })
      const dial = (address: string) => reasonOf(Effect.scoped(transport.connect(address.replace(/^micro:/, "grpc:"))))
      const closed = yield* Effect.scoped(silentServer(() => undefined))
      const rude = yield* silentServer((socket) => socket.destroy())
      const plain = yield* silentServer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
      const silent = yield* silentServer(() => undefined)
      for (const address of [closed, rude, plain, silent]) assert.strictEqual(yield* dial(address), "NotConnected")
      for (const address of ["grpc://", "grpc://host", "grpc://:80"]) {
        assert.strictEqual(yield* dial(address), "Unsupported")
      }
    }))
})
