import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Flag, Type, window } from "../../src/internal/mux/frames.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { isFailure } from "../../src/Transport.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { reasonOf } from "../suites/transport.ts"
import type { Peer } from "./wire.ts"
import { frame, listen, u32 } from "./wire.ts"

/** A client, and the raw server at the other end. */
const pair = (options?: HttpTransport.Options) =>
  Effect.gen(function*() {
    const accepted = yield* Deferred.make<Peer>()
    const address = yield* listen((peer) => Deferred.doneUnsafe(accepted, Exit.succeed(peer)))
    const transport = yield* HttpTransport.make(options)
    const connection = yield* transport.connect(address)
    return { connection, server: yield* Deferred.await(accepted), address, transport }
  })

/** The next call that reaches the raw server. */
const opened = (server: Peer) =>
  Effect.gen(function*() {
    for (;;) {
      const next = yield* Queue.take(server.frames)
      if (next.type === Type.Open) return next
    }
  })

const last = (id: number, message: string) => frame(Type.Message, Flag.Last, id, message)

/** What no server may send, each ends the connection. */
const offences: Readonly<Record<string, Buffer>> = {
  "a frame of a type that there is not": frame(99, 0, 0),
  "a frame of a type that is not the server's": frame(Type.Open, 0, 0),
  "a failure without a status": frame(Type.Failure, 0, 0),
  "credit that is no number": frame(Type.Credit, 0, 1, "abc"),
  "replies beyond its credit": Buffer.concat(
    Array.from({ length: 4 }, () => frame(Type.Message, 0, 1, Buffer.alloc(window)))
  ),
  "a ping of more bytes than a message may have": frame(Type.Ping, 0, 0, Buffer.alloc(2 * window)),
  "a frame that is shorter than its head": Buffer.from([0, 0, 0, 2, 1, 2, 3, 4, 5, 6]),
  "HTTP": Buffer.from("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
}

describe("the dialling end of a multiplexed connection", () => {
  for (const [offence, frames] of Object.entries(offences)) {
    it.live(`ends a connection that brings ${offence}, and fails what is under way`, () =>
      Effect.gen(function*() {
        const { connection, server } = yield* pair({ maxMessage: window })
        const unary = yield* Effect.forkScoped(reasonOf(connection.unary(call("ask"), bytes(""))))
        assert.strictEqual((yield* opened(server)).id, 0)
        // A reader that takes one reply, and no second one.
        const stream = yield* Effect.forkScoped(
          reasonOf(Stream.runForEach(connection.stream(call("ask"), Stream.never), () => connection.closed))
        )
        assert.strictEqual((yield* opened(server)).id, 1)
        server.send(frames)
        yield* server.closed
        assert.strictEqual(yield* Fiber.join(unary), "ConnectionLost")
        assert.strictEqual(yield* Fiber.join(stream), "ConnectionLost")
        yield* connection.closed
      }))
  }

  it.live("overlooks replies to calls that it never made, and a second end", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair()
      server.send(last(7, "who?"), frame(Type.End, 0, 8), frame(Type.Failure, 0, 9, "\x01"), frame(Type.Lost, 0, 9))
      const first = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      const { id } = yield* opened(server)
      server.send(last(id, "one"), last(id, "two"), frame(Type.End, 0, id), frame(Type.Credit, 0, id, u32(1)))
      assert.strictEqual(text(yield* Fiber.join(first)), "one")
      const second = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      const again = yield* opened(server)
      assert.strictEqual(again.id, id)
      server.send(last(id, "three"))
      assert.strictEqual(text(yield* Fiber.join(second)), "three")
    }))

  it.live("does not use the number of a call again before the server has ended it", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair({ maxCalls: 2 })
      const gone = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      const { id } = yield* opened(server)
      yield* Fiber.interrupt(gone)
      const next = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      const other = yield* opened(server)
      assert.notStrictEqual(other.id, id)
      const full = yield* connection.unary(call("ask"), bytes(""))
      assert.strictEqual(isFailure(full) && full.status, "Overloaded")
      server.send(last(id, "for who has gone"), last(other.id, "mine"))
      assert.strictEqual(text(yield* Fiber.join(next)), "mine")
      yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      assert.sameMembers([(yield* opened(server)).id, (yield* opened(server)).id], [id, other.id])
    }))

  it.live("takes an end without a reply for a defect of the server", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair()
      const caller = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      const { id } = yield* opened(server)
      server.send(frame(Type.Message, 0, id, "not the last"), frame(Type.End, 0, id))
      const reply = yield* Fiber.join(caller)
      assert.strictEqual(isFailure(reply) && reply.status, "Defect")
    }))

  it.live("answers pings, and only those of who reads", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair()
      server.send(frame(Type.Ping, 0, 7, "there?"), frame(Type.Ping, 0, 8, Buffer.alloc(65)), frame(Type.Ping, 0, 9))
      const pongs = [yield* Queue.take(server.frames), yield* Queue.take(server.frames)]
      assert.deepStrictEqual(pongs.map(({ body, id, type }) => [type, id, body.toString()]), [
        [Type.Pong, 7, "there?"],
        [Type.Pong, 9, ""]
      ])
      const caller = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      const { id } = yield* opened(server)
      server.socket.pause()
      const tenThousand = Buffer.concat(Array.from({ length: 10_000 }, () => frame(Type.Ping, 0, 0, Buffer.alloc(64))))
      server.send(...Array.from({ length: 20 }, () => tenThousand), last(id, "after the flood"))
      assert.strictEqual(text(yield* Fiber.join(caller)), "after the flood")
      server.socket.resume()
      yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      let answered = 0
      while ((yield* Queue.take(server.frames)).type === Type.Pong) answered++
      assert.isBelow(answered, 200_000)
    }))

  it.live("takes what came with the handshake", () =>
    Effect.gen(function*() {
      const address = yield* listen(({ send }) => send(frame(Type.Ping, 0, 1, "a"), frame(Type.GoAway, 0, 0)))
      const transport = yield* HttpTransport.make()
      const connection = yield* transport.connect(address)
      yield* connection.closed
      assert.strictEqual(yield* reasonOf(connection.unary(call("ask"), bytes(""))), "NotConnected")
    }))

  it.live("makes no new calls once the server takes its leave, and closes after the last one", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair()
      const caller = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")))
      const { id } = yield* opened(server)
      server.send(frame(Type.GoAway, 0, 0), frame(Type.Ping, 0, 0))
      yield* Queue.take(server.frames)
      assert.strictEqual(yield* reasonOf(connection.unary(call("ask"), bytes(""))), "NotConnected")
      server.send(last(id, "done"))
      assert.strictEqual(text(yield* Fiber.join(caller)), "done")
      yield* connection.closed
      yield* server.closed
    }))

  it.live("lets go of a server that does not read", () =>
    Effect.gen(function*() {
      const accepted = yield* Deferred.make<Peer>()
      const address = yield* listen((peer) => {
        peer.socket.pause()
        Deferred.doneUnsafe(accepted, Exit.succeed(peer))
      })
      const transport = yield* HttpTransport.make()
      const scope = yield* Scope.make()
      const connection = yield* Scope.provide(transport.connect(address), scope)
      const server = yield* Deferred.await(accepted)
      const callers = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () =>
          Effect.forkScoped(reasonOf(connection.unary(call("ask"), new Uint8Array(4 * 1024 * 1024))), {
            startImmediately: true
          })
      )
      yield* Scope.close(scope, Exit.void)
      for (const caller of callers) assert.strictEqual(yield* Fiber.join(caller), "ConnectionLost")
      // Nobody takes what this server writes any more, and so it ends without having read a byte.
      const pong = frame(Type.Pong, 0, 0)
      const turn = Effect.callback<void>((resume) =>
        void server.socket.write(pong, () => setImmediate(resume, Effect.void))
      )
      while (!server.socket.destroyed) yield* turn
    }))

  it.live("tells of a deadline that the server does not mind, and cancels the call", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair()
      const late = call("ask", { timeout: 20 })
      for (
        const replies of [
          Effect.map(connection.unary(late, bytes("")), (reply) => [reply]),
          Stream.runCollect(connection.stream(late, Stream.never))
        ]
      ) {
        const [reply] = yield* replies
        assert.strictEqual(isFailure(reply) && reply.status, "DeadlineExceeded")
        const { id } = yield* opened(server)
        const cancel = yield* Queue.take(server.frames)
        assert.deepStrictEqual([cancel.type, cancel.id], [Type.Cancel, id])
        server.send(frame(Type.End, 0, id))
      }
    }))

  it.live("ends every call whatever frames a server sends", () =>
    Effect.gen(function*() {
      const random = yield* Random.Random
      const below = (bound: number) => Math.floor(random.nextDoubleUnsafe() * bound)
      for (let round = 0; round < 200; round++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const { connection, server } = yield* pair({ maxMessage: 200 })
          const callers = yield* Effect.forEach([0, 1, 2, 3], (index) =>
            Effect.forkScoped(
              index < 2
                ? reasonOf(connection.unary(call("ask"), bytes("")))
                : reasonOf(Stream.runDrain(connection.stream(call("ask"), Stream.fromArray([bytes("a"), bytes("b")])))),
              { startImmediately: true }
            ))
          for (const _ of callers) yield* opened(server)
          const soup = Array.from({ length: 1 + below(20) }, () => {
            const body = [u32(below(2 ** 20)), Buffer.alloc(below(300), below(256))]
            return frame(
              [3, 3, 4, 5, 7, 8, 9, 10, 11, below(256)][below(10)],
              below(16),
              below(6),
              ...body.slice(below(3))
            )
          })
          server.send(...soup)
          server.socket.end()
          for (const caller of callers) {
            assert.include(["it succeeded", "ConnectionLost"], yield* Fiber.join(caller))
          }
          yield* connection.closed
        }))
      }
    }).pipe(Random.withSeed("soup")))
})
