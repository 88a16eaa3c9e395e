import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { MemoryRegistryLive } from "../src/Layers/MemoryRegistry.ts"
import { Registry } from "../src/Registry.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

registrySuite("MemoryRegistry", MemoryRegistryLive)

it.effect("is shared by all who share the layer, and by nobody else", () =>
  Effect.gen(function*() {
    const registry = yield* Registry
    yield* registry.register(instance("one"))
    const other = yield* Effect.provide(Registry, Layer.fresh(MemoryRegistryLive))
    assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["one"])
    assert.deepStrictEqual(yield* awaitList(other.watch("orders"), () => true), [])
  }).pipe(Effect.provide(MemoryRegistryLive)))
