import { assert, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as StaticRegistry from "../src/Layers/StaticRegistry.ts"
import { Registry } from "../src/Registry.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

registrySuite("StaticRegistry", StaticRegistry.layer([]))

const addresses = Effect.gen(function*() {
  const registry = yield* Registry
  const list = yield* awaitList(registry.watch("orders"), () => true)
  return list.map(({ address }) => address)
})

it.effect("knows a fleet from its addresses", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* addresses, ["micro://10.0.0.7:4000", "micro://10.0.0.8:4000"])
    const registry = yield* Registry
    assert.deepStrictEqual(yield* awaitList(registry.services, () => true), ["orders", "users"])
  }).pipe(Effect.provide(StaticRegistry.layer({
    orders: ["micro://10.0.0.8:4000", "micro://10.0.0.7:4000"],
    users: ["http://[fd00::1]:80"]
  }))))

it.effect("knows a fleet from whole instances, and adds who registers", () =>
  Effect.gen(function*() {
    const registry = yield* Registry
    yield* registry.register(instance("b"))
    const list = yield* awaitList(registry.watch("orders"), () => true)
    assert.deepStrictEqual(ids(list), ["a", "b"])
    assert.deepStrictEqual(list[0]?.metadata, { zone: "north" })
  }).pipe(Effect.provide(StaticRegistry.layer([instance("a", { metadata: { zone: "north" } })]))))

it.effect("reads a fleet from config", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* addresses, ["micro://10.0.0.7:4000", "micro://10.0.0.8:4000"])
  }).pipe(
    Effect.provide(StaticRegistry.StaticRegistryLive),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown({
        MICRO_FLEET: "orders=micro://10.0.0.7:4000 micro://10.0.0.8:4000,\n users = http://10.0.0.9 "
      })
    )
  ))

for (const address of ["10.0.0.7:4000", "micro:4000", "", "micro://:4000"]) {
  it.effect(`refuses the address "${address}" when it is built, and says whose it is`, () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.provide(Registry, StaticRegistry.layer({ orders: [address] })))
      assert.strictEqual(error.reason._tag, "InvalidInstance")
      assert.include(error.message, `"${address}" is not a URL`)
      assert.include(error.message, "orders")
    }))
}
