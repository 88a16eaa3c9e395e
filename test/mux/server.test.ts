import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import * as Answering from "../../src/internal/answering.ts"
import { Flag, Type, window } from "../../src/internal/mux/frames.ts"
import * as Hello from "../../src/internal/mux/hello.ts"
import * as Server from "../../src/internal/mux/server.ts"
import * as Wheel from "../../src/internal/wheel.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import type { Exchange } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { dial, frame, hello, u32 } from "./wire.ts"

const route = (id = 0, names: unknown = ["orders", "echo", "text/plain"]) =>
  frame(Type.Route, 0, id, JSON.stringify(names))
const unary = (id: number, message: string, method = 0) => frame(Type.Open, Flag.Last, id, u32(method), message)
const open = (id: number) => frame(Type.Open, Flag.Stream, id, u32(0))

/** A server on a port, and how many calls have reached its handler. */
const serve = (exchange: Exchange = Exchanges.echo, options?: HttpTransport.Options) =>
  Effect.gen(function*() {
    const seen = { calls: 0 }
    const transport = yield* HttpTransport.make({ host: "127.0.0.1", ...options })
    const address = yield* transport.listen("orders", {
      unary: (call, message) => {
        seen.calls++
        return exchange.unary(call, message)
      },
      stream: (call, messages) => {
        seen.calls++
        return exchange.stream(call, messages)
      }
    })
    return { port: Number(new URL(address).port), seen }
  })

/** Proves that a port still answers. */
const alive = (port: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { frames, send } = yield* dial(port)
    send(route(), unary(0, "alive"))
    const reply = yield* Queue.take(frames)
    assert.deepStrictEqual({ ...reply, body: reply.body.toString() }, {
      type: Type.Message,
      flags: Flag.Last,
      id: 0,
      body: "alive"
    })
  }))

const headed = (text: string, size = text.length) =>
  frame(Type.Open, Flag.Last | Flag.Headers, 1, u32(0), u32(size), text)

const idle = { inFlight: 0, serviceTime: 0 }

/** What no client may send, each ends its connection. */
const offences: Readonly<Record<string, ReadonlyArray<Buffer>>> = {
  "a call of a route that it was not told of": [unary(1, "", 7)],
  "a second call of the same number": [open(1), unary(1, "")],
  "a call without a route": [frame(Type.Open, Flag.Last, 1, "abc")],
  "a call that is shorter than its flags say": [
    frame(Type.Open, Flag.Last | Flag.Time | Flag.Headers, 1, u32(0), u32(1000))
  ],
  "headers that are longer than their frame": [headed("{}", 3)],
  "headers that are no JSON": [headed("{")],
  "headers that are no record": [headed("[]")],
  "headers that are no text": [headed("{\"a\":1}")],
  "a message before it was asked for": [open(1), frame(Type.Message, 0, 1, "too soon")],
  "credit that is no number": [open(1), frame(Type.Credit, 0, 1, "abc")],
  "a route that is no JSON": [frame(Type.Route, 0, 1, "[")],
  "a route of two names": [route(1, ["orders", "echo"])],
  "a route of numbers": [route(1, [1, 2, 3])],
  "a route without end": [route(1, ["orders", "x".repeat(5000), ""])],
  "more routes than there are": Array.from({ length: 4097 }, (_, id) => route(id)),
  "a ping of many bytes": [frame(Type.Ping, 0, 0, Buffer.alloc(65))],
  "a frame of a type that is not the client's": [frame(Type.GoAway, 0, 0)],
  "a frame of a type that there is not": [frame(99, 0, 0)],
  "a frame that is shorter than its head": [Buffer.from([0, 0, 0, 2, 1, 2])],
  "HTTP": [Buffer.from("GET / HTTP/1.1\r\nHost: h\r\n\r\n")],
  "a ping of more bytes than a message may have": [frame(Type.Ping, 0, 0, Buffer.alloc(50_000))]
}

describe("the listening end of a multiplexed connection", () => {
  for (const [offence, frames] of Object.entries(offences)) {
    it.live(`ends a connection that brings ${offence}, interrupts what it called, and answers others`, () =>
      Effect.gen(function*() {
        const { exchange, interrupted } = yield* Exchanges.hanging
        const { port, seen } = yield* serve(
          { unary: Exchanges.echo.unary, stream: (call, messages) => exchange.stream(call, messages) },
          { maxMessage: 10_000 }
        )
        const { closed, send } = yield* dial(port)
        // What follows in the same packet must not reach a handler.
        send(route(), open(9), ...frames, unary(8, ""))
        yield* closed
        yield* Deferred.await(interrupted)
        assert.isAtMost(seen.calls, 2)
        yield* alive(port)
      }))
  }

  it.live("ends a connection that sends beyond its credit", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const { port } = yield* serve(Exchanges.fromStream((_call, messages) =>
        messages instanceof Uint8Array ? Stream.succeed(messages) : Stream.mapEffect(messages, () => Effect.never).pipe(
          Stream.ensuring(Deferred.succeed(interrupted, undefined))
        )
      ))
      const { closed, frames, send } = yield* dial(port)
      send(route(), open(1))
      const credit = yield* Queue.take(frames)
      assert.deepStrictEqual([credit.type, credit.id, credit.body.readUInt32BE(0)], [Type.Credit, 1, window])
      // The first is taken at once, and gives nothing back yet; the window may be overdrawn by one message.
      for (let index = 0; index < 3; index++) {
        send(frame(Type.Message, 0, 1, Buffer.alloc(window / 2)))
      }
      for (let index = 0; index < 2; index++) {
        send(frame(Type.Message, 0, 1, Buffer.alloc(window)))
      }
      yield* closed
      yield* Deferred.await(interrupted)
      yield* alive(port)
    }))

  it.live("overlooks what may cross the end of a call on the wire", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const { frames, send } = yield* dial(port)
      send(
        route(),
        frame(Type.Credit, 0, 5, u32(100)),
        frame(Type.Message, 0, 5, "late"),
        frame(Type.End, 0, 5),
        frame(Type.Cancel, 0, 5),
        frame(Type.Pong, 0, 5),
        unary(0, "alive")
      )
      assert.strictEqual((yield* Queue.take(frames)).body.toString(), "alive")
    }))

  it.live("ends each call exactly once, cancelled or not", () =>
    Effect.gen(function*() {
      const { exchange } = yield* Exchanges.hanging
      const { port } = yield* serve(exchange)
      const { frames, send } = yield* dial(port)
      send(route())
      for (const opening of [unary(3, ""), open(3)]) {
        send(opening, frame(Type.Cancel, 0, 3), frame(Type.Cancel, 0, 3), frame(Type.Ping, 0, 0, "then"))
        const ends: Array<number> = []
        for (let next = yield* Queue.take(frames); ends.length < 2; next = yield* Queue.take(frames)) {
          ends.push(next.type)
          if (ends.length === 2) break
        }
        assert.sameMembers(ends, [Type.End, Type.Pong])
      }
    }))

  it.live("answers a ping with its bytes", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const { frames, send } = yield* dial(port)
      send(frame(Type.Ping, 0, 7, "are you there?"))
      const pong = yield* Queue.take(frames)
      assert.deepStrictEqual([pong.type, pong.id, pong.body.toString()], [Type.Pong, 7, "are you there?"])
    }))

  it.live("does not read from who makes it write and reads nothing", () =>
    Effect.gen(function*() {
      const maxMessage = 10_000
      const paused = yield* Deferred.make<number>()
      const accept = yield* mux(maxMessage, (socket) =>
        socket.on("pause", () => Deferred.doneUnsafe(paused, Effect.succeed(socket.writableLength))))
      const ping = frame(Type.Ping, 0, 0, Buffer.alloc(64))
      const count = 400_000
      const client = Net.connect(accept, "127.0.0.1")
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => client.destroy())
      )
      client.write(hello())
      client.write(Buffer.concat(Array.from({ length: count }, () => ping)))
      const waiting = yield* Deferred.await(paused)
      // What one read brings is answered before it is looked at.
      assert.isAtMost(waiting, 4 * maxMessage + 128 * 1024)
      let received = 0
      const limits = { message: maxMessage, headers: 1000, calls: 10, probes: true, batches: true }
      const greeting = frame(Type.Hello, 0, 0, Hello.encode(limits)).length
      yield* Effect.callback<void>((resume) => {
        client.on("data", (chunk) => {
          received += chunk.length
          if (received === greeting + count * ping.length) resume(Effect.void)
        })
      })
    }))

  it.live("survives connections that bring any frames at all", () =>
    Effect.gen(function*() {
      const random = yield* Random.Random
      const below = (bound: number) => Math.floor(random.nextDoubleUnsafe() * bound)
      const { port } = yield* serve(Exchanges.echo, { maxMessage: 10_000 })
      for (let round = 0; round < 300; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { closed, send, socket } = yield* dial(port)
          const soup = Array.from({ length: 1 + below(30) }, () => {
            const body = [u32(below(2)), u32(below(20)), "{\"a\":\"b\"}", Buffer.alloc(below(300), below(256))]
            return frame(1 + below(11), below(16), below(3), ...body.slice(below(4)))
          })
          send(route(), ...soup)
          socket.end()
          yield* closed
        }))
      }
      yield* alive(port)
    }).pipe(Random.withSeed("soup")))
})

/** A bare port of this lane, for what shows on the sockets of the server only. */
const mux = (maxMessage: number, accepted: (socket: Net.Socket) => void) =>
  Effect.gen(function*() {
    const wheel = yield* Wheel.make
    const context = Context.empty()
    const server = Net.createServer((socket) => {
      accepted(socket)
      const answer = Answering.make(context, wheel)
      const limits = { maxMessage, maxHeaders: 1000, maxCalls: 10 }
      Server.make(socket, Buffer.alloc(0), {
        find: () => Exchanges.echo,
        load: () => idle,
        answer,
        wheel,
        context,
        ...limits
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () => Effect.sync(() => server.close())
    )
    return (server.address() as Net.AddressInfo).port
  })
