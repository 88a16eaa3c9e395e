import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import * as Selector from "../src/Selector.ts"
import { instance, pick, refusal, selectorSuite, tally, withSelector } from "./suites/selector.ts"

const filtered = (keep: Parameters<typeof Selector.filter>[0]) =>
  Selector.filter(keep).pipe(Layer.provide(RandomSelectorLive))

selectorSuite("Selector.filter", filtered(() => true))

const preferring = Selector.prefer(({ version }) => version === "2").pipe(Layer.provide(RandomSelectorLive))

selectorSuite("Selector.prefer", preferring)

describe("Selector.prefer", () => {
  const [a, b, c, d] = [
    instance("a"),
    instance("b"),
    instance("c", { version: "2" }),
    instance("d", { version: "2" })
  ] as const

  it.effect("lends those that pass while there are any, and the others where not", () =>
    withSelector(preferring, (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(a, b, c, d)
        assert.hasAllKeys(yield* tally(100), ["c", "d"])
        yield* registry.tell(a, b)
        assert.hasAllKeys(yield* tally(100), ["a", "b"])
      })))

  it.effect("moves to the others before it comes back to one that was tried", () =>
    withSelector(preferring, (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(a, b, c, d)
        assert.deepStrictEqual(yield* tally(50, { avoid: new Set(["c"]) }), { d: 50 })
        assert.hasAllKeys(yield* tally(100, { avoid: new Set(["c", "d"]) }), ["a", "b"])
      })))

  it.effect("heeds what a call asks for", () =>
    withSelector(preferring, (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(a, b, c, d)
        assert.deepStrictEqual(yield* tally(50, { keep: ({ id }) => id !== "d" }), { c: 50 })
        assert.deepStrictEqual(yield* tally(50, { keep: ({ id }) => id === "a" }), { a: 50 })
        const { reason } = yield* refusal(pick({ keep: () => false }))
        assert.deepInclude(reason, { _tag: "NoInstance", excluded: 4 })
      })))
})

describe("Selector.filter", () => {
  it.effect("lets only some be candidates", () =>
    withSelector(filtered(({ version }) => version === "2"), (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a", { version: "1" }), instance("b", { version: "2" }))
        assert.deepStrictEqual(yield* tally(50), { b: 50 })
        yield* registry.tell(instance("a", { version: "1" }))
        const { reason } = yield* refusal(pick())
        assert.deepInclude(reason, { _tag: "NoInstance", excluded: 1 })
      })))

  it.effect("adds to what a call asks for", () =>
    withSelector(filtered(({ version }) => version === "2"), (registry) =>
      Effect.gen(function*() {
        const north = { zone: "north" }
        yield* registry.tell(
          instance("a", { version: "1", metadata: north }),
          instance("b", { version: "2", metadata: north }),
          instance("c", { version: "2" })
        )
        assert.deepStrictEqual(yield* tally(50, { keep: ({ metadata }) => metadata["zone"] === "north" }), { b: 50 })
      })))
})
