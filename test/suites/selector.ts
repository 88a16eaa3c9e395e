/** The laws of a selector, run against every layer of the tag. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Instance, Registry, RegistryError, RegistryUnavailable } from "../../src/Registry.ts"
import { type SelectOptions, Selector, type SelectorError } from "../../src/Selector.ts"

/** An instance of the service that the suite selects from. */
export const instance = (id: string, facts?: Partial<Pick<Instance, "version" | "metadata">>): Instance =>
  new Instance({
    id,
    service: "orders",
    version: "1.0.0",
    address: `micro://127.0.0.1/${id}`,
    metadata: {},
    endpoints: [],
    ...facts
  })

/** A registry whose lists the test dictates, one watcher at a time. */
export interface Dictated {
  /** Tells the next list; waits until whoever watches has taken it in. */
  readonly tell: (...list: ReadonlyArray<Instance>) => Effect.Effect<void>
  /** Ends the watch with a failure. */
  readonly fail: Effect.Effect<void>
  readonly watches: () => number
}

/** Runs a proof against a selector whose registry the proof dictates. Nothing is known before the first list is told. */
export const withSelector = <A, E>(
  layer: Layer.Layer<Selector, never, Registry>,
  proof: (registry: Dictated) => Effect.Effect<A, E, Selector | Scope.Scope>
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.suspend(() => {
    const [registry, dictated] = dictate()
    return Effect.provide(proof(dictated), Layer.provide(layer, Layer.succeed(Registry, registry)))
  })

/** The id of an instance that is lent and given back at once. */
export const pick = (options?: SelectOptions): Effect.Effect<string, SelectorError, Selector> =>
  Effect.scoped(Effect.gen(function*() {
    const selector = yield* Selector
    const lent = yield* selector.select("orders", yield* Effect.scope, options)
    return lent.id
  }))

/** The error of a choice that must fail. */
export const refusal = <R>(choice: Effect.Effect<unknown, SelectorError, R>): Effect.Effect<SelectorError, never, R> =>
  Effect.orDie(Effect.flip(choice))

/** How often each id is lent, in so many calls. */
export const tally = (
  calls: number,
  options?: SelectOptions
): Effect.Effect<Record<string, number>, SelectorError, Selector> =>
  Effect.gen(function*() {
    const counts: Record<string, number> = {}
    for (let call = 0; call < calls; call++) {
      const id = yield* pick(options)
      counts[id] = (counts[id] ?? 0) + 1
    }
    return counts
  })

/** Proves that a layer is a selector. */
export const selectorSuite = (name: string, layer: Layer.Layer<Selector, never, Registry>): void => {
  describe(`${name} is a selector`, () => {
    const law = (
      sentence: string,
      proof: (registry: Dictated) => Effect.Effect<void, SelectorError, Selector | Scope.Scope>
    ) => it.effect(sentence, () => Random.withSeed(withSelector(layer, proof), 7))

    law("waits until the first list is known", (registry) =>
      Effect.gen(function*() {
        const waiting = yield* Effect.forkChild(pick(), { startImmediately: true })
        yield* TestClock.adjust("1 day")
        assert.isUndefined(waiting.pollUnsafe())
        yield* registry.tell(instance("a"))
        assert.strictEqual(yield* Fiber.join(waiting), "a")
      }))

    law("lends only who is registered", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"), instance("c"))
        assert.hasAllKeys(yield* tally(300), ["a", "b", "c"])
        yield* registry.tell(instance("b"), instance("d"))
        assert.hasAllKeys(yield* tally(300), ["b", "d"])
        yield* registry.tell(instance("e"))
        assert.deepStrictEqual(yield* tally(10), { e: 10 })
      }))

    law("lends an instance as the registry tells it", (registry) =>
      Effect.gen(function*() {
        const selector = yield* Selector
        yield* registry.tell(instance("a", { version: "1" }))
        assert.strictEqual((yield* selector.select("orders", yield* Effect.scope)).version, "1")
        yield* registry.tell(instance("a", { version: "2" }))
        assert.strictEqual((yield* selector.select("orders", yield* Effect.scope)).version, "2")
      }))

    law("lends none of those to be avoided while another is left", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"), instance("c"))
        assert.deepStrictEqual(yield* tally(100, { avoid: new Set(["a", "c", "gone"]) }), { b: 100 })
      }))

    law("lends one of those to be avoided when no other is left", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        assert.hasAllKeys(yield* tally(200, { avoid: new Set(["a", "b"]) }), ["a", "b"])
      }))

    law("lends only those to be kept, even if all of them are to be avoided", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a", { version: "1" }), instance("b", { version: "2" }))
        const keep = ({ version }: Instance) => version === "2"
        assert.deepStrictEqual(yield* tally(100, { keep }), { b: 100 })
        assert.deepStrictEqual(yield* tally(100, { keep, avoid: new Set(["b"]) }), { b: 100 })
      }))

    law("says that nobody is registered", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell()
        const { reason } = yield* refusal(pick())
        assert.deepInclude(reason, { _tag: "NoInstance", service: "orders", excluded: 0 })
      }))

    law("says how many are registered when none may be chosen", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        const { reason } = yield* refusal(pick({ keep: () => false }))
        assert.deepInclude(reason, { _tag: "NoInstance", service: "orders", excluded: 2 })
      }))

    law("watches a service once, however many ask", (registry) =>
      Effect.gen(function*() {
        const waiting = yield* Effect.forkChild(
          Effect.all(Array.from({ length: 50 }, () => pick()), { concurrency: "unbounded" }),
          { startImmediately: true }
        )
        yield* registry.tell(instance("a"))
        yield* Fiber.join(waiting)
        yield* pick()
        assert.strictEqual(registry.watches(), 1)
      }))

    law(
      "tells those who wait that the registry failed, and asks it again for the next",
      (registry) =>
        Effect.gen(function*() {
          const first = yield* Effect.forkChild(pick(), { startImmediately: true })
          yield* registry.fail
          const { reason } = yield* refusal(Fiber.join(first))
          assert.strictEqual(reason._tag, "RegistryFailed")
          assert.instanceOf((reason as { readonly cause?: unknown }).cause, RegistryError)
          const second = yield* Effect.forkChild(pick(), { startImmediately: true })
          yield* registry.tell(instance("a"))
          assert.strictEqual(yield* Fiber.join(second), "a")
        })
    )

    law("keeps the last list of a registry that failed, and asks it again", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"))
        assert.strictEqual(yield* pick(), "a")
        yield* registry.fail
        yield* Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), pick()), {
          until: () => registry.watches() === 2
        })
        assert.strictEqual(yield* pick(), "a")
        yield* registry.tell(instance("b"))
        assert.strictEqual(yield* pick(), "b")
      }))

    law("bears two instances with the same id", (registry) =>
      Effect.gen(function*() {
        const [a, other, b] = [instance("a"), instance("a", { version: "2" }), instance("b")]
        yield* registry.tell(a, other, b)
        assert.containsAllKeys({ a: 0, b: 0 }, Object.keys(yield* tally(200)))
        assert.deepStrictEqual(yield* tally(50, { avoid: new Set(["a"]) }), { b: 50 })
        yield* registry.tell(b)
        assert.deepStrictEqual(yield* tally(50), { b: 50 })
      }))

    law("bears clocks that jump, back and forth", (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"), instance("b"))
        let time = 0n
        let step = 0
        const clock = yield* Clock.Clock
        const jumping: Clock.Clock = {
          ...clock,
          sleep: (duration) => clock.sleep(duration),
          currentTimeMillisUnsafe: () => Number(time / 1_000_000n),
          // A week at most, in nanoseconds.
          monotonicTimeNanosUnsafe: () => time += [1n, -604_800_000_000_000n, 7n, 604_800_000_000_000n][step++ % 4]!
        }
        const counts = yield* Effect.provideService(tally(500), Clock.Clock, jumping)
        assert.strictEqual(Object.values(counts).reduce((sum, count) => sum + count, 0), 500)
        assert.containsAllKeys({ a: 0, b: 0 }, Object.keys(counts))
        const selector = yield* Selector
        const states = selector.watch("orders").pipe(Stream.take(1), Stream.runCollect)
        for (const { instances } of yield* states) {
          for (const { inFlight = 0, latency = 0 } of instances) {
            assert.strictEqual(inFlight, 0)
            assert.isTrue(Number.isFinite(latency) && latency >= 0, `${latency}`)
          }
        }
      }))

    law("can be interrupted while it waits", (registry) =>
      Effect.gen(function*() {
        const waiting = yield* Effect.forkChild(pick(), { startImmediately: true })
        yield* Fiber.interrupt(waiting)
        yield* registry.tell(instance("a"))
        assert.strictEqual(yield* pick(), "a")
      }))
  })
}

/** A registry, and what dictates its lists. */
export const dictate = (): readonly [Registry["Service"], Dictated] => {
  const lists = Effect.runSync(Queue.unbounded<Exit.Exit<ReadonlyArray<Instance>, RegistryError>>())
  let watches = 0
  let told = 0
  let asked = 0
  let taken: (() => void) | undefined
  // To ask for another list is to have taken in the one before.
  const next = Effect.suspend(() => {
    asked++
    if (asked > told) taken?.()
    return Effect.flatten(Queue.take(lists))
  })
  const registry = Registry.of({
    register: () => Effect.void,
    watch: () => {
      watches++
      return Stream.fromEffectRepeat(next)
    },
    services: Stream.never,
    doubt: () => Effect.void
  })
  const offer = (list: Exit.Exit<ReadonlyArray<Instance>, RegistryError>) => {
    told++
    Queue.offerUnsafe(lists, list)
  }
  const tell = (...list: ReadonlyArray<Instance>) =>
    Effect.callback<void>((resume) => {
      taken = () => resume(Effect.void)
      offer(Exit.succeed(list))
      // With nobody watching yet, the first one who does finds the list.
      if (asked === 0) resume(Effect.void)
    })
  const reason = new RegistryUnavailable({ registry: "dictated", problem: "told to fail" })
  const fail = Effect.sync(() => offer(Exit.fail(new RegistryError({ reason }))))
  return [registry, { tell, fail, watches: () => watches }]
}
