import { assert, describe, it } from "@effect/vitest"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Sending from "../src/internal/sending.ts"

/** A clock that goes on by a millisecond whenever it is looked at, and how often it was. */
const makeClock = Effect.clockWith((clock) => {
  const state = { looks: 0 }
  const ticking: Clock.Clock = { ...clock, monotonicTimeNanosUnsafe: () => BigInt(++state.looks * 1_000_000) }
  return Effect.succeed({ clock: ticking, state })
})

describe("replies that come together", () => {
  it.effect("have come at one moment, looked up once, and only if somebody asks", () =>
    Effect.gen(function*() {
      const { clock, state } = yield* makeClock
      const arrival = Sending.arrival()
      assert.strictEqual(state.looks, 0)
      assert.deepStrictEqual([arrival.at(clock), arrival.at(clock)], [1, 1])
      arrival.over()
      assert.strictEqual(state.looks, 1)
      assert.strictEqual(arrival.at(clock), 2)
    }))

  it.effect("are each timed by the clock of its caller", () =>
    Effect.gen(function*() {
      const [mine, other] = [yield* makeClock, yield* makeClock]
      other.state.looks = 100
      const arrival = Sending.arrival()
      assert.deepStrictEqual([arrival.at(mine.clock), arrival.at(other.clock)], [1, 101])
    }))
})
