import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Wheel from "../../src/internal/wheel.ts"

const tick = 4

/** A wheel, when its entries expired by the clock, and how often it has slept. */
const make = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const expired = new Map<string, number>()
  const state = { slept: 0, stopped: 0n }
  const counting: Clock.Clock = {
    ...clock,
    sleep: (duration) => {
      state.slept++
      return clock.sleep(duration)
    },
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe() + state.stopped
  }
  const wheel = yield* Effect.provideService(Wheel.make, Clock.Clock, counting)
  const start = Wheel.now(counting)
  const add = (name: string, millis: number, then?: () => void) =>
    wheel.add(millis, () => {
      assert.isFalse(expired.has(name), `${name} expired twice`)
      expired.set(name, Wheel.now(counting) - start)
      then?.()
    })
  return { wheel, add, expired, state }
})

describe("a wheel of deadlines", () => {
  it.effect("is never early, and late by two ticks at most, whenever the deadline was set", () =>
    Effect.gen(function*() {
      const { add, expired } = yield* make
      const deadlines = new Map<string, number>()
      let passed = 0
      add("first", 20_000)
      // Steps and deadlines that share no divisor with the tick, and that reach over more than one turn.
      for (let index = 0; passed < 10_000; index++) {
        const millis = (index * 37) % 9_001
        deadlines.set(`${index}`, passed + millis)
        add(`${index}`, millis)
        yield* TestClock.adjust(7)
        passed += 7
      }
      yield* TestClock.adjust(9_001 + 2 * tick)
      for (const [name, deadline] of deadlines) {
        const late = (expired.get(name) ?? Infinity) - deadline
        assert.isAtLeast(late, 0, `${name} is early`)
        assert.isAtMost(late, 2 * tick, `${name} is late`)
      }
    }))

  it.effect("counts from the moment that it is told, and from its own where that is of another clock", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const wheel = yield* Wheel.make
      const expired: Array<string> = []
      const enter = (name: string, clock: Clock.Clock, since: number) =>
        wheel.enter({ expire: () => expired.push(name), bucket: undefined, index: 0, due: 0 }, 100, { clock, since })
      // It turns from here on.
      wheel.add(10_000, () => {})
      const before = Wheel.now(clock)
      yield* TestClock.adjust(60)
      enter("before", clock, before)
      enter("other", { ...clock }, before)
      yield* TestClock.adjust(60)
      assert.deepStrictEqual(expired, ["before"])
      yield* TestClock.adjust(60)
      assert.deepStrictEqual(expired, ["before", "other"])
    }))

  it.effect("forgets what is removed, before and after it has expired", () =>
    Effect.gen(function*() {
      const { add, expired, wheel } = yield* make
      const entries = Array.from({ length: 1000 }, (_, index) => add(`${index}`, 50 + index % 3))
      for (const [index, entry] of entries.entries()) if (index % 2 === 0) wheel.remove(entry)
      yield* TestClock.adjust(100)
      assert.strictEqual(expired.size, 500)
      assert.isTrue([...expired.keys()].every((name) => Number(name) % 2 === 1))
      for (const entry of entries) wheel.remove(entry)
      add("after", 10)
      yield* TestClock.adjust(20)
      assert.isTrue(expired.has("after"))
    }))

  it.effect("keeps a hundred thousand", () =>
    Effect.gen(function*() {
      const { add, expired } = yield* make
      for (let index = 0; index < 100_000; index++) add(`${index}`, index % 6_000)
      yield* TestClock.adjust(6_000 + 2 * tick)
      assert.strictEqual(expired.size, 100_000)
    }))

  it.effect("lets what expires remove its neighbours, and keeps those of a later turn", () =>
    Effect.gen(function*() {
      const { add, expired, wheel } = yield* make
      const turn = 1024 * tick
      const victim = add("victim", 100)
      add("killer", 100, () => wheel.remove(victim))
      add("later", 100 + turn)
      yield* TestClock.adjust(100 + 2 * tick)
      assert.deepStrictEqual([...expired.keys()], ["killer"])
      yield* TestClock.adjust(turn - 3 * tick)
      assert.isFalse(expired.has("later"))
      yield* TestClock.adjust(3 * tick)
      assert.isTrue(expired.has("later"))
    }))

  it.effect("lets what expires set a new deadline", () =>
    Effect.gen(function*() {
      const { add, expired } = yield* make
      add("one", 10, () => add("two", 10, () => add("three", 0)))
      yield* TestClock.adjust(10 + 2 * tick)
      assert.deepStrictEqual([...expired.keys()], ["one"])
      yield* TestClock.adjust(10 + 2 * tick)
      assert.deepStrictEqual([...expired.keys()], ["one", "two", "three"])
    }))

  it.effect("is not early for a deadline that was set after the event loop had stood still", () =>
    Effect.gen(function*() {
      const { add, expired, state } = yield* make
      add("old", 200)
      state.stopped = 500_000_000n
      add("new", 100)
      add("newest", 5_000)
      yield* TestClock.adjust(tick)
      assert.deepStrictEqual([...expired.keys()], ["old"])
      yield* TestClock.adjust(100 - 2 * tick)
      assert.isFalse(expired.has("new"))
      yield* TestClock.adjust(3 * tick)
      assert.isTrue(expired.has("new"))
      assert.isFalse(expired.has("newest"))
    }))

  it.effect("catches up after a stop of many turns", () =>
    Effect.gen(function*() {
      const { add, expired, state } = yield* make
      for (const millis of [1, 5_000, 50_000, 1_000_000]) add(`${millis}`, millis)
      state.stopped = 500_000_000_000n
      yield* TestClock.adjust(tick)
      assert.sameMembers([...expired.keys()], ["1", "5000", "50000"])
    }))

  it.effect("bears a deadline that never comes, and one that has passed", () =>
    Effect.gen(function*() {
      const { add, expired } = yield* make
      add("never", Infinity)
      add("passed", -1_000)
      yield* TestClock.adjust(2 * tick)
      assert.deepStrictEqual([...expired.keys()], ["passed"])
    }))

  it.effect("turns only while something waits", () =>
    Effect.gen(function*() {
      const { add, expired, state, wheel } = yield* make
      yield* TestClock.adjust(1_000)
      assert.strictEqual(state.slept, 0)
      add("one", 10)
      wheel.remove(add("two", 10_000))
      yield* TestClock.adjust(1_000)
      const slept = state.slept
      assert.isAtMost(slept, 5)
      yield* TestClock.adjust(1_000)
      assert.strictEqual(state.slept, slept)
      add("three", 10)
      yield* TestClock.adjust(10 + 2 * tick)
      assert.deepStrictEqual([...expired.keys()], ["one", "three"])
    }))

  it.effect("stops with its scope", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { add, expired, state } = yield* Scope.provide(make, scope)
      add("one", 100)
      yield* TestClock.adjust(50)
      yield* Scope.close(scope, Exit.void)
      const slept = state.slept
      add("two", 10)
      yield* TestClock.adjust(1_000)
      assert.strictEqual(expired.size, 0)
      assert.strictEqual(state.slept, slept)
    }))
})
