import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as HashSelector from "../src/Layers/HashSelector.ts"
import { type SelectOptions, Selector, type SelectorError } from "../src/Selector.ts"
import { type Dictated, instance, pick, selectorSuite, tally, withSelector } from "./suites/selector.ts"

selectorSuite("HashSelector", HashSelector.HashSelectorLive)

const seeded = <A>(
  proof: (registry: Dictated) => Effect.Effect<A, SelectorError, Selector>,
  options?: HashSelector.Options
) => Random.withSeed(withSelector(HashSelector.layer(options), proof), 7)

const fleet = (count: number) => Array.from({ length: count }, (_, index) => instance(`orders-${index}`))

const keys = (count: number) => Array.from({ length: count }, (_, index) => `customer/${index}`)

const placesOf = (keys: ReadonlyArray<string>, options?: SelectOptions) =>
  Effect.forEach(keys, (key) => pick({ ...options, key }))

const busiest = (ids: ReadonlyArray<string>): number =>
  Math.max(...Array.from(Map.groupBy(ids, (id) => id).values(), (same) => same.length))

const hold = (key: string) =>
  Effect.gen(function*() {
    const selector = yield* Selector
    const lease = Scope.makeUnsafe()
    const { id } = yield* selector.select("orders", lease, { key })
    return { id, lease }
  })

const holdMany = (key: string, count: number) => Effect.all(Array.from({ length: count }, () => hold(key)))

describe("HashSelector", () => {
  it.effect("gives the same key the same instance, in every process", () =>
    Effect.gen(function*() {
      const places = seeded((registry) =>
        Effect.gen(function*() {
          yield* registry.tell(...fleet(10))
          const places = yield* placesOf(keys(200))
          assert.deepStrictEqual(yield* placesOf(keys(200)), places)
          return places
        })
      )
      assert.deepStrictEqual(yield* places, yield* Random.withSeed(places, 8))
    }))

  it.effect("spreads keys, over few instances and many", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        for (const count of [2, 10, 50]) {
          yield* registry.tell(...fleet(count))
          const ids = yield* placesOf(keys(20_000))
          assert.isBelow(busiest(ids), 20_000 / count * 1.25, `${count} instances`)
          assert.strictEqual(new Set(ids).size, count)
        }
      })
    ))

  it.effect("moves only the keys of who left, and only to who came", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...fleet(10))
        const before = yield* placesOf(keys(2000))
        yield* registry.tell(...fleet(9))
        const without = yield* placesOf(keys(2000))
        for (const [index, id] of before.entries()) {
          if (id !== "orders-9") assert.strictEqual(without[index], id)
        }
        assert.isAtLeast(new Set(without.filter((id, index) => id !== before[index])).size, 8)
        yield* registry.tell(...fleet(10))
        assert.deepStrictEqual(yield* placesOf(keys(2000)), before)
      })
    ))

  it.effect("passes over those that are no candidates as if they had left", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...fleet(9))
        const without = yield* placesOf(keys(200))
        yield* registry.tell(...fleet(10))
        assert.deepStrictEqual(yield* placesOf(keys(200), { avoid: new Set(["orders-9"]) }), without)
      })
    ))

  it.effect("gives no instance a quarter more than its share of what is in flight", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...fleet(10))
        const held = yield* holdMany("hot", 200)
        assert.strictEqual(busiest(held.map(({ id }) => id)), 25)
        yield* Effect.forEach(held, ({ lease }) => Scope.close(lease, Exit.void))
        assert.strictEqual(yield* pick({ key: "hot" }), held[0]?.id)
      })
    ))

  it.effect("lets a hot key spill over to the same instances in the same order", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...fleet(10))
        const spill = Effect.gen(function*() {
          const held = yield* holdMany("hot", 30)
          yield* Effect.forEach(held, ({ lease }) => Scope.close(lease, Exit.void))
          return held.map(({ id }) => id)
        })
        assert.deepStrictEqual(yield* spill, yield* spill)
      })
    ))

  it.effect("never parts a key from its instance where it is told so", () =>
    seeded(
      (registry) =>
        Effect.gen(function*() {
          yield* registry.tell(...fleet(10))
          assert.strictEqual(busiest((yield* holdMany("hot", 200)).map(({ id }) => id)), 200)
        }),
      { slack: Infinity }
    ))

  it.effect("shares evenly without any slack", () =>
    seeded(
      (registry) =>
        Effect.gen(function*() {
          yield* registry.tell(...fleet(10))
          assert.strictEqual(busiest((yield* holdMany("hot", 200)).map(({ id }) => id)), 20)
        }),
      { slack: 0 }
    ))

  it.effect("places a call without a key by lot", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...fleet(4))
        for (const count of Object.values(yield* tally(4000))) assert.approximately(count, 1000, 120)
      })
    ))
})
