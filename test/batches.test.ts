import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../src/Contract.ts"
import { Flag, Type } from "../src/internal/mux/frames.ts"
import { RpcError } from "../src/RpcError.ts"
import * as Transport from "../src/Transport.ts"
import { dial, frame, u32 } from "./mux/wire.ts"
import { client, knowing, overHttp, serve } from "./suites/fleet.ts"

const Step = Schema.Struct({ id: Schema.Int, name: Schema.String })

class Stairs extends Contract.Service<Stairs>()("stairs", {
  climb: Contract.method({ payload: { steps: Schema.Int, name: Schema.String }, success: Contract.stream(Step) }),
  stumble: Contract.method({ payload: { at: Schema.Int }, error: Schema.String, success: Contract.stream(Step) }),
  build: Contract.method({ payload: Contract.stream(Step), success: Contract.stream(Step) }),
  count: Contract.method({ payload: Contract.stream(Step), success: Schema.Int })
}) {}

const steps = (count: number, name: string) => Array.from({ length: count }, (_, id) => ({ id, name }))

const handlers: Contract.Procedures<typeof Stairs["methods"]> = {
  climb: ({ name, steps: count }) => Stream.fromIterable(steps(count, name)),
  stumble: ({ at }) =>
    at < 100
      ? Stream.fromIterable(steps(100, "").with(at, { id: 0.5, name: "" }))
      : Stream.concat(Stream.fromIterable(steps(at, "")), Stream.fail("there is no more of it")),
  build: (steps) => steps,
  count: Stream.runCount
}

/** A client of stairs that takes so much, and the sizes of what a server that takes so much sends and is sent. */
const climbing = (maxMessage?: number, most?: number) =>
  Effect.gen(function*() {
    const sizes: Array<number> = []
    const sent: Array<number> = []
    const listening = Transport.layerWrap({
      server: (next) => ({
        ...next,
        stream: (call, messages) =>
          next.stream(
            call,
            messages instanceof Uint8Array
              ? messages
              : Stream.tap(messages, ({ length }) => Effect.sync(() => sent.push(length)))
          )
      })
    })
    const server = Layer.provide(listening, overHttp(most === undefined ? {} : { maxMessage: most }))
    const { address } = yield* serve(Stairs, handlers, { transport: server })
    const noting = Transport.layerWrap({
      client: (next) => ({
        ...next,
        stream: (call, messages) =>
          Stream.tap(next.stream(call, messages), (reply) =>
            Effect.sync(() => {
              if (reply instanceof Uint8Array) sizes.push(reply.length)
            }))
      })
    })
    const transport = overHttp(maxMessage === undefined ? {} : { maxMessage })
    const stairs = yield* client(Stairs, {
      registry: knowing("stairs", address),
      transport: Layer.provide(noting, transport)
    })
    // The first call to a service is written as every peer reads it.
    yield* Stream.runDrain(stairs.climb({ steps: 0, name: "" }))
    return { address, sent, sizes, stairs }
  })

/** What came before a stream failed, and how it did. */
const ending = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.map(Stream.runCollect(Stream.result(stream)), (results) => ({
    values: results.filter(Result.isSuccess).map(({ success }) => success),
    failure: results.find(Result.isFailure)?.failure
  }))

/** A raw client that says so much of itself, and the bodies of what it is answered. */
const answered = (address: string, hello: object, name: string) =>
  Effect.gen(function*() {
    const peer = yield* dial(Number(new URL(address).port), hello)
    peer.send(
      frame(Type.Route, 0, 0, JSON.stringify(["stairs", "climb", "application/x-json-parts"])),
      frame(Type.Open, Flag.Last | Flag.Stream, 1, u32(0), JSON.stringify({ steps: 100, name }))
    )
    const bodies: Array<Buffer> = []
    for (;;) {
      const { body, type } = yield* Queue.take(peer.frames)
      if (type === Type.Message) bodies.push(body)
      if (type === Type.End) return bodies
    }
  })

describe("replies of a stream that are there at the same time", () => {
  it.live("travel several to a message, and come as they were sent", () =>
    Effect.gen(function*() {
      const { sizes, stairs } = yield* climbing()
      const name = "a step of stone"
      assert.deepStrictEqual(yield* Stream.runCollect(stairs.climb({ steps: 5000, name })), steps(5000, name))
      assert.isBelow(sizes.length, 500)
      assert.isBelow(Math.max(...sizes), 2000)
    }))

  it.live("travel one by one where they are long, and together again where they are not", () =>
    Effect.gen(function*() {
      const { sizes, stairs } = yield* climbing()
      for (const [name, messages] of [["long ".repeat(1000), 50], ["short", 10]] as const) {
        sizes.length = 0
        assert.deepStrictEqual(yield* Stream.runCollect(stairs.climb({ steps: 50, name })), steps(50, name))
        assert.isAtMost(sizes.length, messages)
      }
    }))

  it.live("are no longer together than a client takes a message", () =>
    Effect.gen(function*() {
      const { sizes, stairs } = yield* climbing(100)
      assert.deepStrictEqual(yield* Stream.runCollect(stairs.climb({ steps: 50, name: "low" })), steps(50, "low"))
      assert.isAtMost(Math.max(...sizes), 100)
    }))

  it.live("come before one that breaks its schema, wherever that is", () =>
    Effect.gen(function*() {
      const { stairs } = yield* climbing()
      for (const at of [0, 1, 15, 16, 50, 99]) {
        const { failure, values } = yield* ending(stairs.stumble({ at }))
        assert.deepStrictEqual(values, steps(at, ""))
        assert.isTrue(failure instanceof RpcError && failure.reason._tag === "Malformed")
      }
    }))

  it.live("come before the error that their stream ends with", () =>
    Effect.gen(function*() {
      const { stairs } = yield* climbing()
      const { failure, values } = yield* ending(stairs.stumble({ at: 300 }))
      assert.deepStrictEqual(values, steps(300, ""))
      assert.strictEqual(failure, "there is no more of it")
    }))

  it.live("are a message each for who does not say that it reads several", () =>
    Effect.gen(function*() {
      const { address } = yield* climbing()
      const expected = steps(100, "wood").map((step) => JSON.stringify(step))
      assert.deepStrictEqual((yield* answered(address, {}, "wood")).map(String), expected)
      const several = yield* answered(address, { batches: true, message: 120 }, "wood")
      assert.isBelow(several.length, 50)
      assert.isAtMost(Math.max(...several.map(({ length }) => length)), 120)
      const read = several.flatMap((body) => JSON.parse(body.toString("utf8", body[0] === 1 ? 1 : 0)))
      assert.deepStrictEqual(read, steps(100, "wood"))
    }))
})

describe("messages of a caller that are there at the same time", () => {
  it.live("travel several together, and come as they were sent", () =>
    Effect.gen(function*() {
      const { sent, stairs } = yield* climbing()
      const expected = steps(5000, "a step of wood")
      assert.deepStrictEqual(yield* Stream.runCollect(stairs.build(Stream.fromIterable(expected))), expected)
      assert.strictEqual(yield* stairs.count(Stream.fromIterable(expected)), 5000)
      assert.isBelow(sent.length, 1000)
    }))

  it.live("are no longer together than a server takes a message", () =>
    Effect.gen(function*() {
      const { sent, stairs } = yield* climbing(undefined, 100)
      assert.strictEqual(yield* stairs.count(Stream.fromIterable(steps(50, "low"))), 50)
      assert.isAtMost(Math.max(...sent), 100)
      assert.isBelow(sent.length, 50)
    }))

  it.live("end with one that breaks its schema, and nothing behind it arrives", () =>
    Effect.gen(function*() {
      const { stairs } = yield* climbing()
      for (const at of [0, 1, 15, 16, 50, 99]) {
        const broken = Stream.fromIterable(steps(100, "").with(at, { id: 0.5, name: "" }))
        const { failure, values } = yield* ending(stairs.build(broken))
        assert.deepStrictEqual(values, steps(values.length, ""))
        assert.isAtMost(values.length, at)
        assert.isTrue(failure instanceof RpcError && failure.reason._tag === "Malformed")
      }
    }))
})
