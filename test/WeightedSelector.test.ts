import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { WeightedSelectorLive } from "../src/Layers/WeightedSelector.ts"
import type { Selector, SelectorError } from "../src/Selector.ts"
import { type Dictated, instance, pick, selectorSuite, tally, withSelector } from "./suites/selector.ts"

selectorSuite("WeightedSelector", WeightedSelectorLive)

const seeded = <A>(proof: (registry: Dictated) => Effect.Effect<A, SelectorError, Selector>, seed = 7) =>
  Random.withSeed(withSelector(WeightedSelectorLive, proof), seed)

const weighing = (id: string, weight: string) => instance(id, { metadata: { weight } })

describe("WeightedSelector", () => {
  it.effect("lends each in proportion to its weight", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(weighing("a", "1"), weighing("b", "2.5"), weighing("c", " 6.5 "))
        const counts = yield* tally(1000)
        assert.approximately(counts["a"] ?? 0, 100, 3)
        assert.approximately(counts["b"] ?? 0, 250, 3)
        assert.approximately(counts["c"] ?? 0, 650, 3)
      })
    ))

  it.effect("keeps to the proportion in any few calls", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(weighing("a", "3"), weighing("b", "1"))
        const ids = yield* Effect.all(Array.from({ length: 400 }, () => pick()))
        for (let start = 0; start + 20 <= ids.length; start++) {
          const count = ids.slice(start, start + 20).filter((id) => id === "a").length
          // By lot it would be anything from 8 to 20.
          assert.approximately(count, 15, 2)
        }
      })
    ))

  it.effect("takes an instance for one of weight 1 that does not say, or says nonsense", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        const nonsense = ["", " ", "NaN", "-3", "Infinity", "much", "1e999"]
        yield* registry.tell(
          instance("silent"),
          weighing("two", "2"),
          ...nonsense.map((weight, index) => weighing(`${index}`, weight))
        )
        const { two, ...others } = yield* tally(10_000)
        assert.approximately(two ?? 0, 2000, 5)
        assert.lengthOf(Object.keys(others), 8)
        for (const count of Object.values(others)) assert.approximately(count, 1000, 5)
      })
    ))

  it.effect("lends who weighs nothing only where nobody weighs more", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(weighing("a", "0"), weighing("b", "1"), weighing("c", "0"))
        assert.deepStrictEqual(yield* tally(100), { b: 100 })
        const counts = yield* tally(100, { keep: ({ id }) => id !== "b" })
        assert.approximately(counts["a"] ?? 0, 50, 3)
        assert.approximately(counts["c"] ?? 0, 50, 3)
      })
    ))

  it.effect("takes nobody for heavier than a million", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(weighing("a", "1e6"), weighing("b", "1e300"))
        assert.approximately((yield* tally(1000))["a"] ?? 0, 500, 5)
      })
    ))

  it.effect("heeds a weight that changes", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(weighing("a", "1"), weighing("b", "1"))
        yield* tally(10)
        yield* registry.tell(weighing("a", "9"), weighing("b", "1"))
        assert.approximately((yield* tally(1000))["a"] ?? 0, 900, 5)
      })
    ))

  it.effect("starts somewhere, so that many processes do not start with the same one", () =>
    Effect.gen(function*() {
      const firsts = yield* Effect.forEach(Array.from({ length: 40 }, (_, seed) => seed), (seed) =>
        seeded((registry) =>
          Effect.andThen(registry.tell(weighing("a", "1"), weighing("b", "1")), pick()), seed))
      assert.sameMembers([...new Set(firsts)], ["a", "b"])
    }))
})
