import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Net from "node:net"
import { Flag, Type } from "../../src/internal/mux/frames.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { isFailure } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { reasonOf } from "../suites/transport.ts"
import type { Peer } from "./wire.ts"
import { dial, frame, hello, listen, silentServer, u32 } from "./wire.ts"

/** A client, and the raw server at the other end, which takes so much. */
const pair = (limits: object) =>
  Effect.gen(function*() {
    const accepted = yield* Deferred.make<Peer>()
    const address = yield* listen((peer) => Deferred.doneUnsafe(accepted, Exit.succeed(peer)), limits)
    const transport = yield* HttpTransport.make()
    return { connection: yield* transport.connect(address), server: yield* Deferred.await(accepted), address }
  })

const request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: effect-micro/1\r\n\r\n"
const answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: effect-micro/1\r\n\r\n"

const nonsense: Readonly<Record<string, Buffer>> = {
  "another frame": frame(Type.Ping, 0, 0),
  "a hello that is no JSON": frame(Type.Hello, 0, 0, "hello"),
  "a hello that is no record": frame(Type.Hello, 0, 0, "[]"),
  "a limit that is no number": hello({ message: "much" }),
  "a hello without end": hello({ message: 1, more: "x".repeat(5000) })
}

describe("the hello of a server", () => {
  it.live("keeps a client from sending what it does not take", () =>
    Effect.gen(function*() {
      const { address, connection, server } = yield* pair({
        message: 10,
        headers: 20,
        calls: 1,
        news: { of: ["2030"] }
      })
      const large = new Uint8Array(11)
      const error = yield* Effect.flip(connection.unary(call("ask"), large))
      assert.strictEqual(error.message, `A message of 11 is over the limit of 10 at ${address}`)
      for (const messages of [large, Stream.succeed(large)]) {
        const stream = yield* Effect.forkScoped(reasonOf(Stream.runDrain(connection.stream(call("ask"), messages))))
        if (messages === large) {
          assert.strictEqual(yield* Fiber.join(stream), "LimitExceeded")
        } else {
          yield* Queue.take(server.frames)
          const { id } = yield* Queue.take(server.frames)
          server.send(frame(Type.Credit, 0, id, u32(100)))
          assert.strictEqual(yield* Fiber.join(stream), "LimitExceeded")
          server.send(frame(Type.End, 0, id))
        }
      }
      const headers = { "x-long": "a value of many letters" }
      assert.strictEqual(yield* reasonOf(connection.unary(call("ask", { headers }), bytes(""))), "LimitExceeded")
      assert.strictEqual((yield* Queue.take(server.frames)).type, Type.Cancel)
      const only = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")), { startImmediately: true })
      const { id } = yield* Queue.take(server.frames)
      const second = yield* connection.unary(call("ask"), bytes(""))
      assert.strictEqual(isFailure(second) && second.status, "Overloaded")
      server.send(frame(Type.Message, Flag.Last, id, "there"))
      assert.strictEqual(text(yield* Fiber.join(only)), "there")
    }))

  for (const [what, first] of Object.entries(nonsense)) {
    it.live(`is not ${what}: nobody is connected`, () =>
      Effect.gen(function*() {
        const address = yield* silentServer((socket) =>
          void socket.once("data", () => socket.write(Buffer.concat([Buffer.from(answer), first])))
        )
        const transport = yield* HttpTransport.make()
        const error = yield* Effect.flip(transport.connect(address))
        assert.strictEqual(error.reason._tag, "NotConnected")
        assert.include(error.message, "No hello")
      }))
  }

  it.live("is waited for no longer than connecting may take", () =>
    Effect.gen(function*() {
      const address = yield* silentServer((socket) => void socket.once("data", () => socket.write(answer)))
      const transport = yield* HttpTransport.make({ connectTimeout: 20 })
      assert.strictEqual(yield* Effect.scoped(transport.connect(address)).pipe(reasonOf), "NotConnected")
    }))
})

describe("the hello of a client", () => {
  const serve = Effect.gen(function*() {
    const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
    const address = yield* transport.listen("orders", Exchanges.echo)
    return Number(new URL(address).port)
  })

  for (const [what, first] of Object.entries(nonsense)) {
    it.live(`is not ${what}: the connection ends`, () =>
      Effect.gen(function*() {
        const port = yield* serve
        const socket = yield* Effect.acquireRelease(
          Effect.sync(() => Net.connect(port, "127.0.0.1")),
          (socket) => Effect.sync(() => socket.destroy())
        )
        socket.on("error", () => undefined)
        socket.write(Buffer.concat([Buffer.from(request), first]))
        yield* Effect.callback<void>((resume) => void socket.once("close", () => resume(Effect.void)).resume())
      }))
  }

  it.live("keeps a server from sending what it does not take", () =>
    Effect.gen(function*() {
      const there = yield* HttpTransport.make({ host: "127.0.0.1" })
      const long = Exchanges.fromUnary(() => Effect.succeed(new Uint8Array(101)))
      const here = yield* HttpTransport.make({ maxMessage: 100 })
      const connection = yield* here.connect(yield* there.listen("orders", long))
      const replies = [
        yield* connection.unary(call("ask"), bytes("")),
        ...(yield* Stream.runCollect(connection.stream(call("ask"), bytes(""))))
      ]
      assert.strictEqual(replies.length, 2)
      for (const reply of replies) {
        assert.strictEqual(text(reply), "A reply of 101 bytes is over the client's limit of 100")
        assert.strictEqual(isFailure(reply) && reply.status, "Malformed")
      }
    }))
})

describe("a frame of a type that is yet to come", () => {
  it.live("is skipped at both ends", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair({})
      const asked = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")), { startImmediately: true })
      yield* Queue.take(server.frames)
      const { id } = yield* Queue.take(server.frames)
      server.send(frame(128, 0, 0, "news"), frame(255, 255, 7), frame(Type.Message, Flag.Last, id, "there"))
      assert.strictEqual(text(yield* Fiber.join(asked)), "there")

      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const address = yield* transport.listen("orders", Exchanges.echo)
      const client = yield* dial(Number(new URL(address).port))
      client.send(frame(200, 0, 0, "news"), frame(Type.Ping, 0, 3))
      assert.deepInclude(yield* Queue.take(client.frames), { type: Type.Pong, id: 3 })
    }))
})
