import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { MaxOpsBeforeYield } from "effect/Scheduler"
import * as Scope from "effect/Scope"
import { LeastLoadedSelectorLive } from "../src/Layers/LeastLoadedSelector.ts"
import { Selector, type SelectorError } from "../src/Selector.ts"
import { type Dictated, instance, pick, selectorSuite, tally, withSelector } from "./suites/selector.ts"

selectorSuite("LeastLoadedSelector", LeastLoadedSelectorLive)

const seeded = <A>(proof: (registry: Dictated) => Effect.Effect<A, SelectorError, Selector>) =>
  Random.withSeed(withSelector(LeastLoadedSelectorLive, proof), 7)

/** Lends an instance, for a call that goes on. */
const hold = Effect.gen(function*() {
  const selector = yield* Selector
  const lease = Scope.makeUnsafe()
  const { id } = yield* selector.select("orders", lease)
  return { id, lease }
})

const holdMany = (count: number) => Effect.all(Array.from({ length: count }, () => hold))

const countsOf = (ids: ReadonlyArray<string>): ReadonlyArray<number> =>
  [...Map.groupBy(ids, (id) => id).values()].map((same) => same.length)

describe("LeastLoadedSelector", () => {
  it.effect("of two, lends the one with fewer calls in flight", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const busy = yield* hold
        assert.deepStrictEqual(yield* tally(100), { [busy.id === "a" ? "b" : "a"]: 100 })
      })
    ))

  it.effect("keeps a fleet more even than lots do", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...Array.from({ length: 10 }, (_, index) => instance(`${index}`)))
        const counts = countsOf((yield* holdMany(1000)).map(({ id }) => id))
        assert.lengthOf(counts, 10)
        // By lot alone, the busiest of ten has 15 or 20 more than its share.
        assert.isAtMost(Math.max(...counts), 103)
      })
    ))

  it.effect("forgets a call when its lease closes, however it ended", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const [one, other] = yield* Effect.all([hold, hold])
        assert.notStrictEqual(one.id, other.id)
        yield* Scope.close(one.lease, Exit.fail("the instance is gone"))
        assert.deepStrictEqual(yield* tally(20), { [one.id]: 20 })
        yield* Scope.close(other.lease, Exit.void)
        assert.hasAllKeys(yield* tally(100), ["a", "b"])
      })
    ))

  it.effect("goes on counting through a change of the list", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"))
        yield* holdMany(3)
        yield* registry.tell(instance("a", { version: "2" }), instance("b"))
        assert.deepStrictEqual(yield* tally(20), { b: 20 })
      })
    ))

  it.effect("counts no call whose lease was closed before it was lent", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        yield* pick()
        const selector = yield* Selector
        const lease = Scope.makeUnsafe()
        yield* Scope.close(lease, Exit.void)
        for (let call = 0; call < 10; call++) yield* selector.select("orders", lease)
        assert.hasAllKeys(yield* tally(100), ["a", "b"])
      })
    ))

  it.effect("counts no call of a caller that was interrupted, at whatever step", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        yield* pick()
        const selector = yield* Selector
        const call = (lease: Scope.Closeable) =>
          Effect.onExit(selector.select("orders", lease), (exit) => Scope.close(lease, exit))
        // A fiber that pauses every few steps, interrupted at each of its pauses.
        for (let every = 2; every < 8; every++) {
          for (let pause = 0; pause < 12; pause++) {
            const calling = yield* Effect.forkChild(
              Effect.provideService(Effect.suspend(() => call(Scope.makeUnsafe())), MaxOpsBeforeYield, every)
            )
            for (let step = 0; step < pause; step++) yield* Effect.yieldNow
            yield* Fiber.interrupt(calling)
          }
        }
        assert.hasAllKeys(yield* tally(100), ["a", "b"])
      })
    ))
})
