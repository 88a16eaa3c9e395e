import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as TestClock from "effect/testing/TestClock"
import { arrivals, goodput, makeStones, open, type Options, quantile, type Record } from "./suites/overload.ts"

/** Calls arrive at a mill of so many stones of 10 ms, and its speed changes meanwhile. */
const load = (
  stones: number,
  part: number,
  seconds: number,
  limit?: Options["limit"],
  speeds: ReadonlyArray<readonly [from: number, speed: number]> = []
) =>
  Effect.gen(function*() {
    const { grind, state } = yield* makeStones(stones, 10)
    const door = yield* open({ limit, handlers: { grind } })
    for (const [from, speed] of speeds) {
      yield* Effect.forkScoped(Effect.andThen(Effect.sleep(from), Effect.sync(() => state.speed = speed)))
    }
    const calling = yield* Effect.forkChild(arrivals(door, stones * 100 * part, seconds))
    yield* TestClock.adjust((seconds + 3) * 1000)
    return { door, records: yield* Fiber.join(calling) }
  }).pipe(Random.withSeed("mill"))

const refused = (records: ReadonlyArray<Record>) => records.filter(({ status }) => status === "Overloaded")

describe("a server with twice the load that it can bear", () => {
  for (const stones of [1, 4, 16]) {
    it.effect(
      `does nine tenths of what it can, and keeps nobody waiting, with ${stones} at a time`,
      () =>
        Effect.gen(function*() {
          const { door, records } = yield* load(stones, 2, stones === 16 ? 5 : 10)
          assert.isAbove(goodput(records, 2000, stones === 16 ? 5000 : 10_000), 90 * stones)
          assert.isBelow(quantile(records, 0.99), 600)
          for (const { retryAfter } of refused(records)) assert.isAtLeast(retryAfter ?? 0, 25)
          assert.isAbove(door.read("rpc.server.shed"), 0)
          assert.strictEqual(door.read("rpc.server.queue.length"), 0)
          assert.strictEqual(door.read("rpc.server.active_requests"), 0)
        }),
      60_000
    )
  }

  it.effect("drowns without a limit", () =>
    Effect.gen(function*() {
      const { records } = yield* load(4, 2, 6, false)
      assert.isBelow(goodput(records, 3000, 6000), 300)
    }), 60_000)
})

describe("a server with the load that it was made for", () => {
  for (const stones of [1, 4, 16]) {
    it.effect(`refuses nobody at seven tenths, with ${stones} at a time`, () =>
      Effect.gen(function*() {
        const { records } = yield* load(stones, 0.7, 5)
        assert.isTrue(records.every(({ status }) => status === "OK"))
      }))
  }

  it.effect("learns within two seconds that handlers which wait for long and do little are not to be held back", () =>
    Effect.gen(function*() {
      let running = 0
      let most = 0
      const grind = (grain: number) =>
        Effect.gen(function*() {
          most = Math.max(most, ++running)
          yield* Effect.sleep(300)
          running--
          return grain
        })
      const door = yield* open({ handlers: { grind } })
      const calling = yield* Effect.forkChild(arrivals(door, 1000, 6))
      yield* TestClock.adjust(9000)
      const records = yield* Fiber.join(calling)
      assert.isAbove(most, 280)
      const late = records.filter(({ came }) => came > 2000)
      assert.isTrue(late.every(({ status }) => status === "OK"))
      assert.isBelow(quantile(late, 0.99), 310)
    }).pipe(Random.withSeed("mill")))

  it.effect("uses what is left while it is half as fast, and is back within two seconds", () =>
    Effect.gen(function*() {
      const { records } = yield* load(4, 0.7, 16, undefined, [[3000, 0.5], [11_000, 1]])
      assert.isAbove(goodput(records, 3000, 11_000), 0.85 * 200)
      const after = records.filter(({ came }) => came > 13_000)
      assert.isTrue(after.every(({ status }) => status === "OK"))
      assert.isBelow(quantile(after, 0.99), 200)
    }))
})
