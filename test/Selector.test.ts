import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import * as Selector from "../src/Selector.ts"
import { instance, pick, refusal, selectorSuite, tally, withSelector } from "./suites/selector.ts"

const filtered = (keep: Parameters<typeof Selector.filter>[0]) =>
  Selector.filter(keep).pipe(Layer.provide(RandomSelectorLive))

selectorSuite("Selector.filter", filtered(() => true))

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
