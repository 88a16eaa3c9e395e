import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as fs from "node:fs"
import * as path from "node:path"
import * as CachedRegistry from "../src/Layers/CachedRegistry.ts"
import * as MemoryRegistry from "../src/Layers/MemoryRegistry.ts"
import { type Instance, Registry, RegistryError, RegistryUnavailable } from "../src/Registry.ts"
import * as Process from "./servers/process.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

registrySuite("CachedRegistry", Layer.provide(CachedRegistry.layer(), Layer.fresh(MemoryRegistry.layer)))

registrySuite(
  "CachedRegistry with a folder",
  Layer.unwrap(
    Effect.map(
      Process.folder,
      (folder) =>
        Layer.provide(CachedRegistry.layer({ folder: path.join(folder, "kept") }), Layer.fresh(MemoryRegistry.layer))
    )
  )
)

const unavailable = new RegistryError({
  reason: new RegistryUnavailable({ registry: "elsewhere", problem: "it is down" })
})

type State = "up" | "down" | "silent"

/** A registry that is there, fails, or says nothing; what was asked before goes on, but fails when it goes down. */
const fickle = Effect.gen(function*() {
  const inner = yield* MemoryRegistry.make
  const state = yield* Ref.make<State>("up")
  const falls = yield* Queue.unbounded<void>()
  const ask = <A>(source: Stream.Stream<A, RegistryError>): Stream.Stream<A, RegistryError> =>
    Stream.unwrap(Effect.map(Ref.get(state), (now): Stream.Stream<A, RegistryError> => {
      const fall = Stream.fromEffect(Effect.andThen(Queue.take(falls), Effect.fail(unavailable)))
      return now === "up" ? Stream.merge(source, fall) : now === "down" ? Stream.fail(unavailable) : Stream.never
    }))
  const registry = Registry.of({ ...inner, watch: (name) => ask(inner.watch(name)), services: ask(inner.services) })
  return { registry, state, fall: Effect.andThen(Ref.set(state, "down"), Queue.offer(falls, undefined)) }
})

const cached = (registry: Registry["Service"], options?: CachedRegistry.Options) =>
  Effect.provideService(CachedRegistry.make(options), Registry, registry)

const follow = Effect.fnUntraced(function*(registry: Registry["Service"]) {
  const lists = yield* Queue.unbounded<ReadonlyArray<Instance>, RegistryError>()
  yield* Effect.forkScoped(
    Stream.runForEach(registry.watch("orders"), (list) => Queue.offer(lists, list)).pipe(
      Effect.catch((error) => Queue.fail(lists, error))
    )
  )
  return Effect.map(Queue.take(lists), ids)
})

describe("CachedRegistry", () => {
  it.effect("goes on with the last list while the registry fails, and with the new one when it is back", () =>
    Effect.gen(function*() {
      const { fall, registry, state } = yield* fickle
      const kept = yield* cached(registry)
      yield* registry.register(instance("one"))
      const next = yield* follow(kept)
      assert.deepStrictEqual(yield* next, ["one"])
      yield* fall
      // Somebody who comes now is told as well.
      assert.deepStrictEqual(ids(yield* awaitList(kept.watch("orders"), () => true)), ["one"])
      yield* registry.register(instance("two"))
      yield* Ref.set(state, "up")
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* next, ["one", "two"])
    }))

  it.effect("fails as the registry does when nothing is kept, and when what is kept is too old", () =>
    Effect.gen(function*() {
      const { fall, registry } = yield* fickle
      const kept = yield* cached(registry, { maxAge: "1 minute" })
      yield* registry.register(instance("one"))
      const next = yield* follow(kept)
      assert.deepStrictEqual(yield* next, ["one"])
      // However long nothing changed: the registry was there.
      yield* TestClock.adjust("1 hour")
      yield* fall
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(ids(yield* awaitList(kept.watch("orders"), () => true)), ["one"])
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* Effect.flip(next), unavailable)
      assert.strictEqual(yield* Effect.flip(Stream.runHead(kept.watch("users"))), unavailable)
    }))

  it.effect("tells the last list where the registry says nothing", () =>
    Effect.gen(function*() {
      const { registry, state } = yield* fickle
      const kept = yield* cached(registry)
      yield* registry.register(instance("one"))
      assert.deepStrictEqual(ids(yield* awaitList(kept.watch("orders"), () => true)), ["one"])
      yield* Ref.set(state, "silent")
      const next = yield* follow(kept)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* next, ["one"])
    }))

  it.effect("believes a registry that says that nobody is there", () =>
    Effect.gen(function*() {
      const { fall, registry } = yield* fickle
      const kept = yield* cached(registry)
      const next = yield* follow(kept)
      assert.deepStrictEqual(yield* next, [])
      yield* Effect.scoped(Effect.andThen(registry.register(instance("one")), next))
      assert.deepStrictEqual(yield* next, [])
      yield* fall
      assert.deepStrictEqual(yield* awaitList(kept.watch("orders"), () => true), [])
    }))

  it.live("knows after a restart what the process before it knew, though the registry is away", () =>
    Effect.gen(function*() {
      const folder = path.join(yield* Process.folder, "deep", "kept")
      const { fall, registry } = yield* fickle
      const known = instance("one", { service: "a/b", metadata: { zone: "ä" } })
      yield* registry.register(known)
      yield* Effect.scoped(Effect.gen(function*() {
        const before = yield* cached(registry, { folder })
        yield* awaitList(before.watch("a/b"), () => true)
        yield* awaitList(before.services, () => true)
      }))
      yield* fall
      const after = yield* cached(registry, { folder })
      assert.deepStrictEqual(yield* awaitList(after.watch("a/b"), () => true), [known])
      assert.deepStrictEqual(yield* awaitList(after.services, () => true), ["a/b"])
      assert.strictEqual(yield* Effect.flip(Stream.runHead(after.watch("orders"))), unavailable)
    }))

  it.live("does without what cannot be read, and says which folder cannot be used", () =>
    Effect.gen(function*() {
      const folder = yield* Process.folder
      const { registry, state } = yield* fickle
      yield* Ref.set(state, "down")
      fs.writeFileSync(path.join(folder, "service-orders"), `{"at":17`)
      const kept = yield* cached(registry, { folder })
      assert.strictEqual(yield* Effect.flip(Stream.runHead(kept.watch("orders"))), unavailable)
      const file = path.join(folder, "service-orders", "within")
      const error = yield* Effect.flip(cached(registry, { folder: file }))
      assert.include(error.message, file)
    }))
})
