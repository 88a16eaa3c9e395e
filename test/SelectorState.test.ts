import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { EjectingSelectorLive } from "../src/Layers/EjectingSelector.ts"
import { PeakEwmaSelectorLive } from "../src/Layers/PeakEwmaSelector.ts"
import * as Selector from "../src/Selector.ts"
import { type Dictated, instance, withSelector } from "./suites/selector.ts"

const layer = EjectingSelectorLive.pipe(
  Layer.provide(Selector.version("1.0.0")),
  Layer.provide(PeakEwmaSelectorLive)
)

const seeded = <A>(
  proof: (registry: Dictated) => Effect.Effect<A, Selector.SelectorError, Selector.Selector | Scope.Scope>
) => Random.withSeed(withSelector(layer, proof), 7)

/** The states of the service, one for each second that passes. */
const states = Effect.gen(function*() {
  const selector = yield* Selector.Selector
  const seen = yield* Queue.unbounded<Selector.SelectorState>()
  yield* selector.watch("orders").pipe(Stream.runForEach((state) => Queue.offer(seen, state)), Effect.forkScoped)
  return Queue.take(seen)
})

const lend = (id: string) =>
  Effect.gen(function*() {
    const selector = yield* Selector.Selector
    const lease = Scope.makeUnsafe()
    yield* selector.select("orders", lease, { keep: (instance) => instance.id === id })
    return lease
  })

const fails = (id: string) => Effect.flatMap(lend(id), (lease) => Scope.close(lease, Exit.fail("it is gone")))

describe("Selector.watch", () => {
  it.effect("tells what is known of each instance, every second", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"), instance("c", { version: "2" }))
        const next = yield* states
        const told = yield* next
        assert.strictEqual(told.service, "orders")
        assert.isFalse(told.isPanicking)
        const fresh = { inFlight: 0, latency: undefined, failures: 0, ejectedFor: undefined }
        for (const standing of told.instances) assert.deepInclude(standing, fresh)
        assert.deepStrictEqual(
          told.instances.map(({ instance, isCandidate }) => [instance.id, isCandidate]),
          [["a", true], ["b", true], ["c", false]]
        )
        const lease = yield* lend("a")
        yield* TestClock.adjust("1 second")
        assert.deepInclude((yield* next).instances[0], { inFlight: 1, latency: undefined })
        yield* Scope.close(lease, Exit.void)
        yield* TestClock.adjust("1 second")
        const { inFlight, latency = 0 } = (yield* next).instances[0]!
        assert.strictEqual(inFlight, 0)
        assert.approximately(latency, 1000 * Math.exp(-0.1), 1)
      })
    ))

  it.effect("tells who is out and for how long, and when half of them are", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const next = yield* states
        yield* next
        yield* Effect.repeat(fails("a"), { times: 4 })
        yield* Scope.close(yield* lend("b"), Exit.void)
        yield* TestClock.adjust("1 second")
        const [a, b] = (yield* next).instances
        assert.strictEqual(a?.failures, 5)
        assert.isAbove(a?.ejectedFor ?? 0, 1500)
        assert.isAtMost(a?.ejectedFor ?? 0, 4000)
        assert.deepInclude(b, { failures: 0, ejectedFor: undefined })
        yield* Effect.repeat(fails("b"), { times: 5 })
        yield* TestClock.adjust("1 second")
        const panic = yield* next
        assert.isTrue(panic.isPanicking)
        assert.isUndefined(panic.instances[1]?.ejectedFor)
        yield* Scope.close(yield* lend("b"), Exit.void)
        yield* TestClock.adjust("1 second")
        assert.isFalse((yield* next).isPanicking)
      })
    ))

  it.effect("exports how many there are, how many are out, and how many should be, until the selector is gone", () =>
    Effect.gen(function*() {
      const read = Effect.map(Metric.snapshot, (metrics) =>
        Object.fromEntries(
          metrics.filter(({ id }) => id.startsWith("rpc.client.instances")).map(({ id, state }) => [id, state])
        ))
      yield* Effect.scoped(seeded((registry) =>
        Effect.gen(function*() {
          yield* registry.tell(instance("a"), instance("b"))
          for (const id of ["a", "b"]) yield* Effect.repeat(fails(id), { times: 5 })
          yield* lend("b")
          assert.deepStrictEqual(yield* read, {
            "rpc.client.instances": { value: 2 },
            "rpc.client.instances.ejected": { value: 1 },
            "rpc.client.instances.spared": { value: 1 }
          })
        })
      ))
      assert.deepStrictEqual(yield* read, {})
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})
