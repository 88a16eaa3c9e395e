import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Flag, Type } from "../../src/internal/mux/frames.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { reasonOf } from "../suites/transport.ts"
import type { Peer } from "./wire.ts"
import { dial, frame, listen, u32 } from "./wire.ts"

/** The next frame of a type. */
const next = (peer: Peer, type: number) =>
  Effect.gen(function*() {
    for (;;) {
      const frame = yield* Queue.take(peer.frames)
      if (frame.type === type) return frame
    }
  })

/** A client, and the raw server at the other end. */
const pair = Effect.gen(function*() {
  const accepted = yield* Deferred.make<Peer>()
  const address = yield* listen((peer) => Deferred.doneUnsafe(accepted, Exit.succeed(peer)))
  const transport = yield* HttpTransport.make()
  const connection = yield* transport.connect(address)
  return { connection, server: yield* Deferred.await(accepted) }
})

const answer = (id: number, message: string) => frame(Type.Message, Flag.Last, id, message)

describe("the watch over a connection", () => {
  it.effect("gives a server up that is silent while a call waits for it", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair
      const lost = yield* Effect.forkScoped(reasonOf(connection.unary(call("ask"), bytes(""))))
      yield* next(server, Type.Open)
      yield* TestClock.adjust("10100 millis")
      yield* next(server, Type.Ping)
      assert.isUndefined(lost.pollUnsafe())
      yield* TestClock.adjust("5100 millis")
      yield* server.closed
      assert.strictEqual(yield* Fiber.join(lost), "ConnectionLost")
      assert.isFalse(connection.isOpen())
    }))

  it.effect("keeps a server that answers its ping, however long the call takes", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair
      const slow = yield* Effect.forkScoped(connection.unary(call("slow"), bytes("")))
      const { id } = yield* next(server, Type.Open)
      for (let round = 0; round < 3; round++) {
        yield* TestClock.adjust("10100 millis")
        const ping = yield* next(server, Type.Ping)
        // The answer to the second call says that the pong before it has been read.
        const quick = yield* Effect.forkScoped(connection.unary(call("quick"), bytes("")))
        const second = yield* next(server, Type.Open)
        server.send(frame(Type.Pong, 0, 0, ping.body), answer(second.id, "now"))
        yield* Fiber.join(quick)
        yield* TestClock.adjust("5100 millis")
      }
      server.send(answer(id, "at last"))
      assert.strictEqual(text(yield* Fiber.join(slow)), "at last")
    }))

  it.effect("asks nothing of a server that nobody waits for", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair
      const quick = yield* Effect.forkScoped(connection.unary(call("quick"), bytes("")))
      server.send(answer((yield* next(server, Type.Open)).id, "now"))
      yield* Fiber.join(quick)
      yield* TestClock.adjust("30 seconds")
      const after = yield* Effect.forkScoped(connection.unary(call("after"), bytes("")))
      assert.notStrictEqual((yield* Queue.take(server.frames)).type, Type.Ping)
      assert.isUndefined(after.pollUnsafe())
    }))

  it.effect("gives a client up that is silent while its stream waits, and interrupts the handler", () =>
    Effect.gen(function*() {
      const interrupted = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const address = yield* transport.listen("orders", {
        unary: () => Effect.never,
        stream: () =>
          Stream.fromEffect(Effect.andThen(Deferred.succeed(started, undefined), Effect.never)).pipe(
            Stream.ensuring(Deferred.succeed(interrupted, undefined))
          )
      })
      const client = yield* dial(Number(new URL(address).port))
      client.send(
        frame(Type.Route, 0, 0, JSON.stringify(["orders", "follow", "application/json"])),
        frame(Type.Open, Flag.Last | Flag.Stream, 0, u32(0), "1")
      )
      yield* Deferred.await(started)
      yield* TestClock.adjust("10100 millis")
      yield* next(client, Type.Ping)
      yield* TestClock.adjust("5100 millis")
      yield* Deferred.await(interrupted)
      yield* client.closed
    }))
})
