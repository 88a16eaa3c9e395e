import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../src/Contract.ts"
import { MemoryRegistryLive } from "../src/Layers/MemoryRegistry.ts"
import * as SteadyRegistry from "../src/Layers/SteadyRegistry.ts"
import { Instance, Registry } from "../src/Registry.ts"
import { client, makeRegistry, serve } from "./suites/fleet.ts"
import { registrySuite } from "./suites/registry.ts"
import { dictate, type Dictated, instance } from "./suites/selector.ts"

registrySuite(
  "SteadyRegistry",
  SteadyRegistry.layer({ hold: "20 millis" }).pipe(Layer.provide(Layer.fresh(MemoryRegistryLive)))
)

class Greeter extends Contract.Service<Greeter>()("greeter", {
  hello: Contract.method({ payload: { name: Schema.String }, success: Schema.String })
}) {}

interface Watched extends Dictated {
  /** The ids of the next list that is told. */
  readonly next: Effect.Effect<string>
  readonly doubt: (id: string) => Effect.Effect<void>
  /** How many lists wait to be taken. */
  readonly waiting: Effect.Effect<number>
}

/** Runs a proof with a watch on a registry whose lists it dictates. */
const watching = <A>(proof: (registry: Watched) => Effect.Effect<A, never, Scope.Scope>) =>
  Effect.suspend(() => {
    const [below, dictated] = dictate()
    const steady = SteadyRegistry.layer().pipe(Layer.provide(Layer.succeed(Registry, below)))
    return Effect.gen(function*() {
      const registry = yield* Registry
      const lists = yield* Queue.unbounded<string>()
      yield* registry.watch("orders").pipe(
        Stream.runForEach((list) => Queue.offer(lists, list.map(({ id }) => id).join(""))),
        Effect.forkScoped
      )
      return yield* proof({
        ...dictated,
        next: Queue.take(lists),
        doubt: (id) => registry.doubt(instance(id)),
        waiting: Queue.size(lists)
      })
    }).pipe(Effect.provide(steady), Effect.scoped)
  })

const list = (ids: string) => [...ids].map((id) => instance(id))

describe("SteadyRegistry", () => {
  it.effect("believes at once that some have left, or that all were replaced", () =>
    watching(({ next, tell }) =>
      Effect.gen(function*() {
        for (const ids of ["abcd", "ab", "b", "cde", "fgh"]) {
          yield* tell(...list(ids))
          assert.strictEqual(yield* next, ids)
        }
      })
    ))

  it.effect("holds on to those that vanished with most of the others, for half a minute", () =>
    watching(({ next, tell, waiting }) =>
      Effect.gen(function*() {
        yield* tell(...list("abcd"))
        assert.strictEqual(yield* next, "abcd")
        yield* tell(...list("e"))
        assert.strictEqual(yield* next, "abcde")
        yield* TestClock.adjust("29999 millis")
        assert.strictEqual(yield* waiting, 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* next, "e")
      })
    ))

  it.effect("holds on to the last one as well", () =>
    watching(({ next, tell, waiting }) =>
      Effect.gen(function*() {
        yield* tell(...list("a"))
        assert.strictEqual(yield* next, "a")
        yield* tell()
        yield* TestClock.adjust("29999 millis")
        assert.strictEqual(yield* waiting, 0)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* next, "")
      })
    ))

  it.effect("tells nothing of a flap", () =>
    watching(({ next, tell, waiting }) =>
      Effect.gen(function*() {
        yield* tell(...list("abcdefghij"))
        assert.strictEqual(yield* next, "abcdefghij")
        for (let flap = 0; flap < 20; flap++) {
          yield* tell(...list("abc"))
          yield* TestClock.adjust("50 millis")
          yield* tell(...list("abcdefghij"))
          yield* TestClock.adjust("50 millis")
        }
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(yield* waiting, 0)
      })
    ))

  it.effect("lets go at once of who could not be reached", () =>
    watching(({ doubt, next, tell }) =>
      Effect.gen(function*() {
        yield* tell(...list("abcdef"))
        assert.strictEqual(yield* next, "abcdef")
        // Before it vanished, and after.
        yield* doubt("a")
        yield* tell(...list("f"))
        assert.strictEqual(yield* next, "bcdef")
        yield* doubt("b")
        assert.strictEqual(yield* next, "cdef")
      })
    ))

  it.effect("does not hold it against an instance that it was doubted long ago", () =>
    watching(({ doubt, next, tell }) =>
      Effect.gen(function*() {
        yield* tell(...list("abcdef"))
        assert.strictEqual(yield* next, "abcdef")
        yield* doubt("a")
        yield* TestClock.adjust("31 seconds")
        yield* tell(...list("f"))
        yield* tell(...list("fg"))
        while ((yield* next) !== "abcdefg") { /* Lists may be skipped, the last one is not. */ }
      })
    ))

  it.live("keeps calls going while the registry has forgotten a fleet that answers, and moves off one that left", () =>
    Effect.gen(function*() {
      const shared = yield* makeRegistry
      const registry = Layer.succeed(Registry, shared)
      const member = yield* serve(Greeter, { hello: ({ name }) => Effect.succeed(`Hello, ${name}!`) }, { registry })
      const [below, dictated] = dictate()
      yield* dictated.tell(new Instance({ ...instance("a"), service: "greeter", address: member.address }))
      const steady = SteadyRegistry.layer().pipe(Layer.provide(Layer.succeed(Registry, below)))
      const greeter = yield* client(Greeter, { registry: steady })
      assert.strictEqual(yield* greeter.hello({ name: "one" }), "Hello, one!")
      yield* dictated.tell()
      assert.strictEqual(yield* greeter.hello({ name: "two" }), "Hello, two!")
      yield* member.leave
      const { reason } = yield* Effect.flip(greeter.hello({ name: "three" }))
      assert.strictEqual(reason._tag, "Unreachable")
    }))
})
