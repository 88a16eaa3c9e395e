import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call } from "../suites/exchanges.ts"
import { pair } from "../suites/transport.ts"

const size = 64 * 1024
const MiB = 1024 * 1024

/** A turn of the event loop, in which the other end may run ahead. */
const turn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

/** Reads messages at a walking pace, and returns the most memory that the process was seen to have. */
const read = (messages: Stream.Stream<unknown, unknown>, count: number) =>
  Effect.gen(function*() {
    let seen = 0
    let most = 0
    yield* messages.pipe(
      Stream.take(count),
      Stream.runForEach(() => {
        if (++seen % 16 !== 0) return Effect.void
        most = Math.max(most, process.memoryUsage.rss())
        return turn
      })
    )
    assert.strictEqual(seen, count)
    return most
  })

const down = (count: number) =>
  Effect.flatMap(
    pair(Exchanges.fromStream(() => Exchanges.endless(size).replies)),
    (connection) => read(connection.stream(call("ask"), bytes("")), count)
  )

const up = (count: number) =>
  Effect.gen(function*() {
    const most = yield* Deferred.make<number, unknown>()
    const connection = yield* pair(Exchanges.fromStream((_call, messages) =>
      Stream.drain(Stream.fromEffect(Deferred.into(read(Exchanges.streamed(messages), count), most)))
    ))
    yield* Stream.runDrain(connection.stream(call("tell"), Exchanges.endless(size).replies))
    return yield* Deferred.await(most)
  })

describe("a stream of a gibibyte", () => {
  for (const [direction, stream] of Object.entries({ down, up })) {
    it.live(`needs no more memory than one of a quarter, ${direction} the wire`, () =>
      Effect.gen(function*() {
        const warm = yield* Effect.scoped(stream(256 * MiB / size))
        const most = yield* Effect.scoped(stream(1024 * MiB / size))
        // What the collector leaves lying between two turns is some 30 MiB; the stream is sixteen times the bound.
        assert.isBelow((most - warm) / MiB, 64)
      }).pipe(Effect.provide(HttpTransport.layer({ host: "127.0.0.1" }))), 60_000)
  }
})
