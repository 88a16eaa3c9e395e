import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { MdnsRegistryLive } from "../src/Layers/MdnsRegistry.ts"
import * as MemoryRegistry from "../src/Layers/MemoryRegistry.ts"
import * as MergedRegistry from "../src/Layers/MergedRegistry.ts"
import * as StaticRegistry from "../src/Layers/StaticRegistry.ts"
import { type Instance, Registry, RegistryError, RegistryUnavailable } from "../src/Registry.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

registrySuite(
  "MergedRegistry",
  MergedRegistry.layer([Layer.fresh(MemoryRegistry.layer), Layer.fresh(MemoryRegistry.layer)])
)

const unavailable = new RegistryError({
  reason: new RegistryUnavailable({ registry: "elsewhere", problem: "it is down" })
})

/** A registry that answers as long as it is told to. */
const fickle = (inner: Registry["Service"], isUp: Ref.Ref<boolean>) =>
  Registry.of({
    ...inner,
    watch: (service) =>
      Stream.unwrap(Effect.map(Ref.get(isUp), (up) => up ? inner.watch(service) : Stream.fail(unavailable)))
  })

/** A registry that never says anything, and completes `asked` when somebody wants to know. */
const silent = (inner: Registry["Service"], asked: Deferred.Deferred<void>) =>
  Registry.of({
    ...inner,
    watch: () => Stream.fromEffect(Effect.andThen(Deferred.succeed(asked, undefined), Effect.never))
  })

const followed = (registry: Registry["Service"]) =>
  Effect.gen(function*() {
    const lists = yield* Queue.unbounded<ReadonlyArray<Instance>>()
    yield* Effect.forkChild(Stream.runForEach(registry.watch("orders"), (list) => Queue.offer(lists, list)))
    return Effect.map(Queue.take(lists), ids)
  })

describe("MergedRegistry", () => {
  it.effect("announces in all, finds in any, and tells of each id once, as the first one describes it", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* MemoryRegistry.make, yield* MemoryRegistry.make]
      const both = MergedRegistry.make([one, other])
      yield* both.register(instance("a"))
      yield* other.register(instance("b"))
      yield* one.register(instance("c", { version: "of one" }))
      yield* other.register(instance("c", { version: "of the other" }))
      for (const registry of [one, other]) {
        assert.include(ids(yield* awaitList(registry.watch("orders"), () => true)), "a")
      }
      const list = yield* awaitList(both.watch("orders"), () => true)
      assert.deepStrictEqual(ids(list), ["a", "b", "c"])
      assert.strictEqual(list[2]!.version, "of one")
    }))

  it.effect("waits for a registry that says nothing, but not for long", () =>
    Effect.gen(function*() {
      const memory = yield* MemoryRegistry.make
      yield* memory.register(instance("a"))
      const asked = yield* Deferred.make<void>()
      const next = yield* followed(MergedRegistry.make([memory, silent(memory, asked)], { patience: "3 seconds" }))
      const first = yield* Effect.forkChild(next, { startImmediately: true })
      yield* Deferred.await(asked)
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(first.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(first), ["a"])
    }))

  it.effect("does not wait for one that has failed, and asks it again", () =>
    Effect.gen(function*() {
      const [memory, away] = [yield* MemoryRegistry.make, yield* MemoryRegistry.make]
      yield* memory.register(instance("a"))
      yield* away.register(instance("b"))
      const isUp = yield* Ref.make(false)
      const next = yield* followed(MergedRegistry.make([memory, fickle(away, isUp)]))
      assert.deepStrictEqual(yield* next, ["a"])
      yield* Ref.set(isUp, true)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* next, ["a", "b"])
    }))

  it.effect("fails where all of them fail", () =>
    Effect.gen(function*() {
      const memory = yield* MemoryRegistry.make
      const isUp = yield* Ref.make(false)
      const both = MergedRegistry.make([fickle(memory, isUp), fickle(memory, isUp)])
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(both.watch("orders"))), unavailable)
    }))

  it.effect("takes an instance out of all when its scope closes", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* MemoryRegistry.make, yield* MemoryRegistry.make]
      const scope = yield* Scope.make()
      yield* Scope.provide(MergedRegistry.make([one, other]).register(instance("a")), scope)
      yield* Scope.close(scope, yield* Effect.exit(Effect.void))
      for (const registry of [one, other]) {
        assert.deepStrictEqual(yield* awaitList(registry.watch("orders"), () => true), [])
      }
    }))

  it.live("joins what multicast finds with what somebody wrote down", () =>
    Effect.gen(function*() {
      const registry = yield* Registry
      yield* registry.register(instance("found"))
      const list = yield* awaitList(registry.watch("orders"), (list) => list.length === 2)
      assert.deepStrictEqual(ids(list), ["found", "micro://10.0.0.7:4000"])
    }).pipe(Effect.provide(
      MergedRegistry.layer([MdnsRegistryLive, StaticRegistry.layer({ orders: ["micro://10.0.0.7:4000"] })])
    )))
})
