import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Ambient from "../src/internal/ambient.ts"
import * as Rpc from "../src/Rpc.ts"

const key = Effect.withFiber((fiber) => Effect.succeed(Ambient.of(fiber).key))
const keyed = Effect.provideService(key, Rpc.CurrentKey, "a")

describe("what calls take from their context", () => {
  it.effect("is that of the fiber that asks, whoever has asked before", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* Effect.all([key, keyed, key, Effect.provideService(keyed, Rpc.CurrentKey, "b"), keyed]),
        [undefined, "a", undefined, "a", "a"]
      )
    }))

  it.effect("is looked up once for those in the same context", () =>
    Effect.gen(function*() {
      const ambient = Effect.withFiber((fiber) => Effect.succeed(Ambient.of(fiber)))
      const [one, other] = yield* Effect.all([ambient, ambient])
      assert.strictEqual(one, other)
      assert.notStrictEqual(one, yield* Effect.provideService(ambient, Rpc.CurrentKey, "a"))
    }))
})
