import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { RoundRobinSelectorLive } from "../src/Layers/RoundRobinSelector.ts"
import type { SelectorError } from "../src/Selector.ts"
import type { Selector } from "../src/Selector.ts"
import { type Dictated, instance, pick, selectorSuite, tally, withSelector } from "./suites/selector.ts"

selectorSuite("RoundRobinSelector", RoundRobinSelectorLive)

const instances = (...ids: ReadonlyArray<string>) => ids.map((id) => instance(id))

const picks = (count: number) => Effect.all(Array.from({ length: count }, () => pick()))

const from = <A>(seed: number, proof: (registry: Dictated) => Effect.Effect<A, SelectorError, Selector>) =>
  Random.withSeed(withSelector(RoundRobinSelectorLive, proof), seed)

describe("RoundRobinSelector", () => {
  it.effect("lends each in turn", () =>
    from(1, (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...instances("a", "b", "c"))
        const round = yield* picks(3)
        assert.sameMembers(round, ["a", "b", "c"])
        assert.deepStrictEqual(yield* picks(6), [...round, ...round])
        assert.deepStrictEqual(yield* tally(300), { a: 100, b: 100, c: 100 })
      })))

  it.effect("starts somewhere, so that many processes do not start with the same one", () =>
    Effect.gen(function*() {
      const firsts = yield* Effect.forEach(Array.from({ length: 40 }, (_, seed) => seed), (seed) =>
        from(seed, (registry) => Effect.andThen(registry.tell(...instances("a", "b", "c")), pick())))
      assert.sameMembers([...new Set(firsts)], ["a", "b", "c"])
    }))

  it.effect("goes on where it was when the list changes", () =>
    from(1, (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...instances("b", "d", "f"))
        while ((yield* pick()) !== "b");
        yield* registry.tell(...instances("a", "c", "d", "f"))
        assert.deepStrictEqual(yield* picks(5), ["c", "d", "f", "a", "c"])
        yield* registry.tell(...instances("a", "b"))
        assert.deepStrictEqual(yield* picks(3), ["a", "b", "a"])
      })))

  it.effect("skips whom to avoid, and keeps the order of the others", () =>
    from(1, (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...instances("a", "b", "c"))
        while ((yield* pick()) !== "a");
        assert.strictEqual(yield* pick({ avoid: new Set(["b"]) }), "c")
        assert.strictEqual(yield* pick(), "a")
      })))
})
