import { assert, describe, it } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as PeakEwmaSelector from "../src/Layers/PeakEwmaSelector.ts"
import { type SelectOptions, Selector, type SelectorError } from "../src/Selector.ts"
import { failure } from "../src/Transport.ts"
import { type Dictated, instance, selectorSuite, tally, withSelector } from "./suites/selector.ts"

selectorSuite("PeakEwmaSelector", PeakEwmaSelector.PeakEwmaSelectorLive)

const seeded = <A>(
  proof: (registry: Dictated) => Effect.Effect<A, SelectorError, Selector>,
  options?: PeakEwmaSelector.Options
) => Random.withSeed(withSelector(PeakEwmaSelector.layer(options), proof), 7)

const lend = (options?: SelectOptions) =>
  Effect.gen(function*() {
    const selector = yield* Selector
    const lease = Scope.makeUnsafe()
    const { id } = yield* selector.select("orders", lease, options)
    return { id, lease }
  })

/** Only that one. */
const only = (id: string): SelectOptions => ({ keep: (instance) => instance.id === id })

/** A call to that instance, which takes so long. */
const call = (id: string, takes: Duration.Input, exit: Exit.Exit<unknown, unknown> = Exit.void) =>
  Effect.gen(function*() {
    const { lease } = yield* lend(only(id))
    yield* TestClock.adjust(takes)
    yield* Scope.close(lease, exit)
  })

const gone = Exit.fail("the instance is gone")

/** The share of 1000 calls, given back at once, that goes to an instance. */
const shareOf = (id: string) => Effect.map(tally(1000), (counts) => (counts[id] ?? 0) / 1000)

const both = (registry: Dictated) => registry.tell(instance("a"), instance("b"))

describe("PeakEwmaSelector", () => {
  it.effect("prefers the one that answered sooner", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* call("a", "10 millis")
        yield* call("b", "30 millis")
        assert.strictEqual((yield* lend()).id, "a")
        assert.strictEqual((yield* lend()).id, "a")
      })
    ))

  it.effect("weighs latency by the calls in flight", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* call("a", "10 millis")
        yield* call("b", "35 millis")
        // Four calls in flight to the one are worth one to the other, which is three and a half times slower.
        const ids = yield* Effect.all(Array.from({ length: 9 }, () => Effect.map(lend(), ({ id }) => id)))
        assert.strictEqual(ids.filter((id) => id === "a").length, 7)
      })
    ))

  it.effect("believes a slow call at once, and fast ones slowly", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        for (let round = 0; round < 20; round++) {
          yield* call("a", "10 millis")
          yield* call("b", "40 millis")
        }
        yield* call("a", "200 millis")
        assert.strictEqual((yield* lend()).id, "b")
        for (let round = 0; round < 5; round++) yield* call("a", "10 millis")
        assert.strictEqual((yield* lend({ avoid: new Set<string>() })).id, "b")
      })
    ))

  it.effect("forgives with time", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* call("a", "1 second")
        const warm = Effect.forEach(Array.from({ length: 10 }), () => call("b", "100 millis"))
        yield* warm
        assert.strictEqual(yield* shareOf("a"), 0)
        for (let second = 0; second < 30; second++) yield* warm
        assert.strictEqual((yield* lend()).id, "a")
      })
    ))

  it.effect("takes a failure for a call of five seconds, however fast it came", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* call("a", "1 millis", gone)
        yield* call("b", "3 seconds")
        assert.strictEqual((yield* lend()).id, "b")
      })
    ))

  it.effect("takes a call that ran out of time for as long as it took", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* call("a", "100 millis", Exit.fail(failure("DeadlineExceeded", "")))
        yield* call("b", "3 seconds")
        assert.strictEqual((yield* lend()).id, "a")
      })
    ))

  it.effect("does not think better of the others because one fails fast", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"), instance("c"))
        yield* call("a", "100 millis")
        for (let round = 0; round < 20; round++) yield* call("a", "1 millis", gone)
        yield* call("c", "50 millis")
        assert.strictEqual((yield* lend({ keep: ({ id }) => id !== "a" })).id, "c")
      })
    ))

  it.effect("takes whoever hangs for as slow as it is silent", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* call("a", "10 millis")
        yield* call("b", "30 millis")
        const hung = yield* lend()
        assert.strictEqual(hung.id, "a")
        yield* TestClock.adjust("1 minute")
        yield* call("b", "30 millis")
        // Forgiven, it would cost twice nothing.
        assert.strictEqual(yield* shareOf("a"), 0)
        yield* Scope.close(hung.lease, Exit.void)
        yield* TestClock.adjust("3 minutes")
        yield* call("b", "30 millis")
        assert.strictEqual((yield* lend()).id, "a")
      })
    ))

  it.effect("takes whom nothing is known of for as good as the others", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"), instance("c"))
        yield* call("a", "20 millis")
        yield* call("b", "10 millis")
        const without = (id: string) => Effect.map(lend({ keep: (instance) => instance.id !== id }), ({ id }) => id)
        assert.strictEqual(yield* without("a"), "b")
        assert.strictEqual(yield* without("b"), "c")
      })
    ))

  it.effect("holds a new instance back for ten seconds", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        const holdThousand = Effect.gen(function*() {
          const held = yield* Effect.all(Array.from({ length: 1000 }, () => lend()))
          yield* Effect.forEach(held, ({ lease }) => Scope.close(lease, Exit.void))
          return held.filter(({ id }) => id === "b").length
        })
        yield* registry.tell(instance("a"))
        yield* call("a", "10 millis")
        yield* both(registry)
        assert.approximately(yield* holdThousand, 100, 30)
        yield* TestClock.adjust("3 seconds")
        assert.approximately(yield* holdThousand, 300, 45)
        yield* TestClock.adjust("7 seconds")
        yield* Effect.all([call("a", "10 millis"), call("b", "10 millis")])
        assert.approximately(yield* holdThousand, 500, 5)
      })
    ))

  it.effect("takes nobody of the first list for new", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* tally(1)
        yield* registry.tell(instance("a"), instance("b"), instance("c"))
        const held = yield* Effect.all(Array.from({ length: 300 }, () => lend()))
        const counts = Map.groupBy(held, ({ id }) => id)
        assert.approximately(counts.get("a")?.length ?? 0, counts.get("b")?.length ?? 0, 5)
        assert.isBelow(counts.get("c")?.length ?? 0, 60)
      })
    ))

  it.effect("remembers an instance that is told of anew, and forgets one that left", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* both(registry)
        yield* call("a", "1 second")
        yield* call("b", "100 millis")
        yield* registry.tell(instance("a", { version: "2" }), instance("b"), instance("c"))
        assert.strictEqual(yield* Effect.map(lend(only("a")), ({ id }) => id), "a")
        assert.strictEqual((yield* lend({ keep: ({ id }) => id !== "c" })).id, "b")
        yield* registry.tell(instance("b"))
        yield* tally(1)
        yield* both(registry)
        yield* tally(1)
        yield* TestClock.adjust("20 seconds")
        yield* call("b", "2 seconds")
        assert.strictEqual((yield* lend()).id, "a")
      })
    ))

  it.effect("can be told how fast to forget, to punish and to trust", () =>
    seeded(
      (registry) =>
        Effect.gen(function*() {
          yield* both(registry)
          yield* call("a", "100 millis", gone)
          yield* call("b", "150 millis")
          assert.strictEqual((yield* lend()).id, "a")
          yield* TestClock.adjust("5 seconds")
          yield* registry.tell(instance("a"), instance("b"), instance("c"))
          assert.isAbove(yield* shareOf("c"), 0.2)
        }),
      { decay: "1 second", penalty: 0, slowStart: 0 }
    ))
})
