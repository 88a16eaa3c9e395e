import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import { HashSelectorLive } from "../../src/Layers/HashSelector.ts"
import * as Rpc from "../../src/Rpc.ts"
import { makeMemory } from "./memory.ts"

class Cache extends Contract.Service<Cache>()("cache", {
  where: Contract.method({ success: Schema.String }),
  watch: Contract.method({ success: Contract.stream(Schema.String) })
}) {}

/** Three instances that say who they are, and clients of theirs. */
const makeCaches = Effect.gen(function*() {
  const memory = yield* makeMemory
  const addresses = yield* Effect.forEach(["a", "b", "c"], (name) => {
    const where = Effect.succeed(name)
    return memory.serve(Cache, { where: () => where, watch: () => Stream.fromEffect(where) })
  })
  const calls = (addresses: ReadonlyArray<string>) => memory.client(Cache, addresses, { selector: HashSelectorLive })
  return { addresses, calls }
})

const keys = Array.from({ length: 40 }, (_, index) => `customer/${index}`)

describe("a call with a key", () => {
  it.effect("goes where the others with that key go, streams as well", () =>
    Effect.gen(function*() {
      const { addresses, calls } = yield* makeCaches
      const cache = yield* calls(addresses)
      const places = yield* Effect.forEach(keys, (key) => Rpc.withKey(cache.where(), key))
      assert.strictEqual(new Set(places).size, 3)
      assert.deepStrictEqual(yield* Effect.forEach(keys, (key) => Rpc.withKey(cache.where(), key)), places)
      const watched = yield* Effect.forEach(keys, (key) => cache.watch().pipe(Stream.runCollect, Rpc.withKey(key)))
      assert.deepStrictEqual(watched.flat(), places)
    }))

  it.effect("takes the key along when it moves, so that all of that key meet again", () =>
    Effect.gen(function*() {
      const { addresses, calls } = yield* makeCaches
      const cache = yield* calls(["memory://nobody/1", ...addresses.slice(1), "memory://nobody/2"])
      const ask = Effect.forEach(keys, (key) => Rpc.withKey(cache.where(), key))
      const places = yield* ask
      assert.strictEqual(new Set(places).size, 2)
      for (const _ of [1, 2, 3]) assert.deepStrictEqual(yield* ask, places)
    }))
})

it.effect("the innermost key stands, and none is left behind", () =>
  Effect.gen(function*() {
    const key = Effect.map(Rpc.CurrentKey, (key) => key)
    assert.strictEqual(yield* key.pipe(Rpc.withKey("inner"), Rpc.withKey("outer")), "inner")
    assert.isUndefined(yield* key)
  }))
