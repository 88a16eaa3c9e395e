import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { now } from "../src/internal/wheel.ts"
import { EjectingSelectorLive } from "../src/Layers/EjectingSelector.ts"
import * as GuidedSelector from "../src/Layers/GuidedSelector.ts"
import type { Load } from "../src/Load.ts"
import { type Loads, type SelectOptions, Selector, type SelectorError } from "../src/Selector.ts"
import { type Dictated, instance, pick, selectorSuite, tally, withSelector } from "./suites/selector.ts"

selectorSuite("GuidedSelector", GuidedSelector.GuidedSelectorLive)

type Word = Partial<Pick<Load, "inFlight" | "serviceTime" | "roundTrip">>

/** Instances that answer at once with what the test has them say; the others never answer. */
const dictated = (words: Record<string, Word>) => {
  const last = new Map<string, Load>()
  const asked: Array<string> = []
  const tell = (id: string) =>
    Effect.clockWith((clock) =>
      Effect.sync(() => {
        last.set(id, { inFlight: 0, serviceTime: 10, roundTrip: 0.5, ...words[id], at: now(clock) })
      })
    )
  const loads: Loads = {
    last: ({ id }) => last.get(id),
    probe: ({ id }) =>
      Effect.suspend(() => {
        asked.push(id)
        return id in words ? tell(id) : Effect.never
      })
  }
  return { asked, loads, tell, words }
}

const seeded = <A>(
  proof: (registry: Dictated) => Effect.Effect<A, SelectorError, Selector | Scope.Scope>,
  layer = GuidedSelector.GuidedSelectorLive
) => Random.withSeed(withSelector(layer, proof), 7)

/** Lends, and gives back with that. */
const call = (options: SelectOptions, exit: Exit.Exit<unknown, unknown> = Exit.void) =>
  Effect.gen(function*() {
    const lease = Scope.makeUnsafe()
    const { id } = yield* (yield* Selector).select("orders", lease, options)
    yield* Scope.close(lease, exit)
    return id
  })

const only = (id: string): SelectOptions["keep"] => (instance) => instance.id === id

const three = (registry: Dictated) => registry.tell(instance("a"), instance("b"), instance("c"))

describe("GuidedSelector", () => {
  it.effect("sends the very first call to who says it will be done soonest", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* three(registry)
        const { loads } = dictated({ a: { inFlight: 4 }, b: { inFlight: 1 }, c: { inFlight: 0, serviceTime: 50 } })
        assert.strictEqual(yield* pick({ loads }), "b")
      })
    ))

  it.effect("counts the calls that it has sent since an instance last spoke", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* three(registry)
        const { asked, loads, tell } = dictated({ a: {}, b: {}, c: {} })
        yield* Effect.forEach(["a", "b", "c"], tell)
        // Nobody speaks again.
        const silent: Loads = { last: loads.last, probe: () => undefined }
        assert.deepStrictEqual(yield* tally(30, { loads: silent }), { a: 10, b: 10, c: 10 })
        assert.deepStrictEqual(asked, [])
      })
    ))

  it.effect("asks three of many", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        const ids = Array.from({ length: 100 }, (_, index) => `orders-${index}`)
        yield* registry.tell(...ids.map((id) => instance(id)))
        const { asked, loads } = dictated(Object.fromEntries(ids.map((id) => [id, {}])))
        yield* tally(50, { loads })
        assert.strictEqual(asked.length, 150)
        assert.isAbove(new Set(asked).size, 20)
      })
    ))

  it.effect("waits for answers no longer than its patience, and lends somebody all the same", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* three(registry)
        const { loads } = dictated({})
        const choice = yield* Effect.forkChild(pick({ loads }), { startImmediately: true })
        yield* TestClock.adjust("2 millis")
        assert.isUndefined(choice.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        assert.include(["a", "b", "c"], yield* Fiber.join(choice))
      })
    ))

  it.effect("passes over who did not answer in time, without a wait, until it has answered", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* three(registry)
        const { loads, tell, words } = dictated({ a: { inFlight: 3 }, b: { inFlight: 3 } })
        const first = yield* Effect.forkChild(pick({ loads }), { startImmediately: true })
        yield* TestClock.adjust("3 millis")
        assert.notStrictEqual(yield* Fiber.join(first), "c")
        assert.doesNotHaveAnyKeys(yield* tally(50, { loads }), ["c"])
        words["c"] = {}
        yield* tell("c")
        assert.strictEqual(yield* pick({ loads }), "c")
      })
    ))

  it.effect("asks who is silent again after a second", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* three(registry)
        const { loads, words } = dictated({ a: { inFlight: 3 }, b: { inFlight: 3 } })
        const first = yield* Effect.forkChild(pick({ loads }), { startImmediately: true })
        yield* TestClock.adjust("3 millis")
        yield* Fiber.join(first)
        words["c"] = {}
        assert.doesNotHaveAnyKeys(yield* tally(20, { loads }), ["c"])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* pick({ loads }), "c")
      })
    ))

  it.effect("does not ask where calls take less than five round trips, and chooses by latency", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const { asked, loads } = dictated({ a: { serviceTime: 1 }, b: { serviceTime: 1, inFlight: 9 } })
        yield* tally(10, { loads })
        assert.isAtMost(asked.length, 4)
        yield* call({ keep: only("a") }, Exit.fail("the instance is gone"))
        assert.deepStrictEqual(yield* tally(50, { loads }), { b: 50 })
        assert.isAtMost(asked.length, 4)
      })
    ))

  it.effect("asks again once calls have come to take longer", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const { asked, loads, tell, words } = dictated({ a: { serviceTime: 1 }, b: { serviceTime: 1 } })
        yield* tally(10, { loads })
        Object.assign(words, { a: { serviceTime: 100 }, b: { serviceTime: 100 } })
        // Replies bring the news.
        for (let reply = 0; reply < 8; reply++) {
          yield* tell("a")
          yield* tell("b")
          yield* pick({ loads })
        }
        const before = asked.length
        yield* pick({ loads })
        assert.strictEqual(asked.length, before + 2)
      })
    ))

  it.effect("chooses by latency where nobody can be asked", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const loads: Loads = { last: () => undefined, probe: () => undefined }
        yield* call({ keep: only("a") }, Exit.fail("the instance is gone"))
        assert.deepStrictEqual(yield* tally(50, { loads }), { b: 50 })
        assert.deepStrictEqual(yield* tally(50), { b: 50 })
      })
    ))

  it.effect("believes a failure more than a good word", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const { loads } = dictated({ a: {}, b: { inFlight: 9 } })
        assert.strictEqual(yield* pick({ loads }), "a")
        yield* call({ loads, keep: only("a") }, Exit.fail("the instance is gone"))
        assert.deepStrictEqual(yield* tally(50, { loads }), { b: 50 })
      })
    ))

  it.effect("gives a new instance a growing part of its turns, whatever it says", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const { loads, words } = dictated({ a: { inFlight: 9 }, b: { inFlight: 9 } })
        yield* pick({ loads })
        words["c"] = {}
        yield* three(registry)
        const { c = 0 } = yield* tally(500, { loads })
        assert.isTrue(c > 20 && c < 100, `${c}`)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* tally(50, { loads }), { c: 50 })
      })
    ))

  it.effect("lends nobody to a caller that was interrupted while instances were asked", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* three(registry)
        const choice = yield* Effect.forkChild(pick({ loads: dictated({}).loads }), { startImmediately: true })
        yield* Fiber.interrupt(choice)
        const selector = yield* Selector
        const lease = Scope.makeUnsafe()
        const waiting = yield* Effect.forkChild(selector.select("orders", lease, { loads: dictated({}).loads }), {
          startImmediately: true
        })
        yield* Fiber.interrupt(waiting)
        assert.strictEqual(lease.state._tag, "Empty")
      })
    ))

  it.effect("bears that an instance leaves while it is asked", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* three(registry)
        const { loads } = dictated({ a: { inFlight: 9 }, b: { inFlight: 9 } })
        const choice = yield* Effect.forkChild(pick({ loads }), { startImmediately: true })
        yield* registry.tell(instance("b"))
        assert.strictEqual(yield* pick(), "b")
        yield* TestClock.adjust("3 millis")
        assert.strictEqual(yield* Fiber.join(choice), "b")
      })
    ))

  it.effect("asks under an ejection and through filters as well", () =>
    seeded(
      (registry) =>
        Effect.gen(function*() {
          yield* three(registry)
          const { loads } = dictated({ a: { inFlight: 4 }, b: { inFlight: 1 }, c: {} })
          assert.strictEqual(yield* pick({ loads, avoid: new Set(["c"]) }), "b")
        }),
      Layer.provide(EjectingSelectorLive, GuidedSelector.GuidedSelectorLive)
    ))
})
