import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../src/Contract.ts"
import { now } from "../src/internal/wheel.ts"
import { EjectingSelectorLive } from "../src/Layers/EjectingSelector.ts"
import * as GuidedSelector from "../src/Layers/GuidedSelector.ts"
import type { Load } from "../src/Load.ts"
import { CurrentAddresses, type Loads, type SelectOptions, Selector, type SelectorError } from "../src/Selector.ts"
import { client, deadAddress, knowing, serve } from "./suites/fleet.ts"
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
        const { loads, tell } = dictated({ a: {}, b: {}, c: {} })
        yield* Effect.forEach(["a", "b", "c"], tell)
        const answered = Latch.makeUnsafe()
        const together: Loads = { last: loads.last, probe: () => answered.await }
        const choices = yield* Effect.forEach(
          Array.from({ length: 30 }),
          () => Effect.forkChild(pick({ loads: together }), { startImmediately: true })
        )
        yield* Effect.forEach(["a", "b", "c"], tell)
        yield* answered.open
        const ids = yield* Effect.forEach(choices, Fiber.join)
        for (const id of ["a", "b", "c"]) assert.strictEqual(ids.filter((other) => other === id).length, 10)
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
        const selector = yield* Selector
        const lease = Scope.makeUnsafe()
        const waiting = yield* Effect.forkChild(selector.select("orders", lease, { loads: dictated({}).loads }), {
          startImmediately: true
        })
        assert.isUndefined(waiting.pollUnsafe())
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

class Work extends Contract.Service<Work>()("work", {
  once: Contract.method({ success: Schema.String }),
  hold: Contract.method({ success: Schema.String })
}) {}

describe("GuidedSelector, over HTTP", () => {
  /** An instance whose calls take so many milliseconds; some wait until it is opened. */
  const serveAs = (id: string, millis: number) =>
    Effect.gen(function*() {
      const opened = Latch.makeUnsafe()
      const held = yield* Queue.unbounded<void>()
      const { address } = yield* serve(Work, {
        once: () => Effect.as(Effect.sleep(millis), id),
        hold: () => Effect.andThen(Queue.offer(held, undefined), Effect.as(opened.await, id))
      })
      return { address, held, opened }
    })
  const at = (address: string) => Effect.provideService(CurrentAddresses, [address])

  it.live("keeps away from an instance that others keep busy, from the first call on", () =>
    Effect.gen(function*() {
      // So long that round trips are short beside it, however busy the machine is.
      const [a, b] = [yield* serveAs("a", 300), yield* serveAs("b", 300)]
      const other = yield* client(Work, { registry: knowing("work", a.address) })
      const holding = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 20 }, () => other.hold()), { concurrency: "unbounded" })
      )
      yield* Effect.repeat(Queue.take(a.held), { times: 19 })
      // Nothing but what `a` says of itself tells the two apart.
      const work = yield* client(Work, {
        registry: knowing("work", a.address, b.address),
        selector: GuidedSelector.layer({ patience: "2 seconds" })
      })
      yield* at(a.address)(work.once())
      yield* at(b.address)(work.once())
      for (let call = 0; call < 6; call++) assert.strictEqual(yield* work.once(), "b")
      yield* a.opened.open
      yield* Fiber.join(holding)
    }))

  it.live("learns from an instance what its handlers take", () =>
    Effect.gen(function*() {
      const [a, b] = [yield* serveAs("a", 500), yield* serveAs("b", 250)]
      const registry = knowing("work", a.address, b.address)
      const selector = GuidedSelector.layer({ patience: "2 seconds" })
      const other = yield* client(Work, { registry, selector })
      yield* at(a.address)(other.once())
      yield* at(b.address)(other.once())
      // From the first question on what handlers take is measured, whoever calls them.
      yield* other.once()
      yield* Effect.all([at(a.address)(other.once()), at(b.address)(other.once())], { concurrency: 2 })
      const work = yield* client(Work, { registry, selector })
      yield* at(a.address)(work.once())
      yield* at(b.address)(work.once())
      for (let call = 0; call < 5; call++) assert.strictEqual(yield* work.once(), "b")
    }))

  it.live.each(["http:", "grpc:"])(
    "calls instances that cannot be asked all the same: %s",
    (lane) =>
      Effect.gen(function*() {
        const { address } = yield* serveAs("a", 0)
        const work = yield* client(Work, {
          registry: knowing("work", address.replace("micro:", lane), deadAddress.replace("micro:", lane)),
          selector: GuidedSelector.GuidedSelectorLive
        })
        for (let call = 0; call < 10; call++) assert.strictEqual(yield* work.once(), "a")
      })
  )
})
