import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { connectionWindow, Flag, messageCost, Type, window } from "../../src/internal/mux/frames.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { dial, frame, u32 } from "./wire.ts"

const size = 60 * 1024
/** Streams that have more credit together than their connection. */
const many = 2 * connectionWindow / window

/** Streams without end, and calls that are answered at once. */
const exchange = Exchanges.fromStream((call, messages) =>
  call.method === "endless" ? Exchanges.endless(size).replies : Exchanges.streamed(messages)
)

const serve = Effect.gen(function*() {
  const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
  const address = yield* transport.listen("orders", exchange)
  return { transport, address }
})

/** A stream that is opened, and whose replies are not read but for the first. */
const unread = (open: Stream.Stream<unknown, unknown>) =>
  Effect.gen(function*() {
    const begun = yield* Deferred.make<void>()
    yield* Effect.forkScoped(
      Stream.runForEach(open, () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never))
    )
    yield* Deferred.await(begun)
  })

describe("the streams of a connection", () => {
  it.live("have no more on the way together than the connection allows, and go on when it allows more", () =>
    Effect.gen(function*() {
      const { address } = yield* serve
      const client = yield* dial(Number(new URL(address).port))
      client.send(frame(Type.Route, 0, 0, JSON.stringify(["orders", "endless", "text/plain"])))
      for (let id = 0; id < 1000; id++) client.send(frame(Type.Open, Flag.Last | Flag.Stream, id, u32(0), ""))
      let sent = 0
      const receive = Effect.gen(function*() {
        const next = yield* Queue.take(client.frames)
        if (next.type === Type.Message) sent += next.body.length + messageCost
        return next
      })
      while (sent < connectionWindow) yield* receive
      client.send(frame(Type.Ping, 0, 0))
      while ((yield* receive).type !== Type.Pong);
      assert.isBelow(sent, connectionWindow + size + messageCost)
      client.send(frame(Type.Credit, Flag.All, 0, u32(window)))
      while (sent < connectionWindow + window) yield* receive
    }))

  it.live("do not starve where others are not read, however many; nor do calls", () =>
    Effect.gen(function*() {
      const { address, transport } = yield* serve
      const connection = yield* transport.connect(address)
      const endless = connection.stream(call("endless"), bytes(""))
      for (let index = 0; index < many; index++) yield* unread(endless)
      const count = Stream.runCount(Stream.take(endless, 2 * window / size))
      assert.strictEqual(yield* count, Math.floor(2 * window / size))
      assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("there"))), "there")
    }))

  it.live("give back what nobody has read when they end", () =>
    Effect.gen(function*() {
      const { address, transport } = yield* serve
      const connection = yield* transport.connect(address)
      for (let index = 0; index < many; index++) {
        yield* Effect.scoped(unread(connection.stream(call("endless"), bytes(""))))
      }
      const client = yield* Stream.runCount(Stream.take(connection.stream(call("endless"), bytes("")), 100))
      assert.strictEqual(client, 100)
    }))
})
