import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import { instance, pick, selectorSuite, tally, withSelector } from "./suites/selector.ts"

selectorSuite("RandomSelector", RandomSelectorLive)

it.effect("spreads calls evenly, by lot", () =>
  withSelector(RandomSelectorLive, (registry) =>
    Effect.gen(function*() {
      yield* registry.tell(...["a", "b", "c", "d"].map((id) => instance(id)))
      const counts = yield* Random.withSeed(tally(10_000), 1)
      for (const count of Object.values(counts)) assert.approximately(count, 2500, 150)
    })))

it.effect("draws the same lots again from the same seed", () =>
  withSelector(RandomSelectorLive, (registry) =>
    Effect.gen(function*() {
      yield* registry.tell(...["a", "b", "c", "d"].map((id) => instance(id)))
      const draw = (seed: number) => Random.withSeed(Effect.all(Array.from({ length: 20 }, () => pick())), seed)
      assert.deepStrictEqual(yield* draw(1), yield* draw(1))
      assert.notDeepEqual(yield* draw(1), yield* draw(2))
    })))
