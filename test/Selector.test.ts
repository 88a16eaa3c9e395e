import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Contract from "../src/Contract.ts"
import { EjectingSelectorLive } from "../src/Layers/EjectingSelector.ts"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import type { Instance } from "../src/Registry.ts"
import * as Selector from "../src/Selector.ts"
import { client, knowing, serve } from "./suites/fleet.ts"
import { instance, pick, refusal, selectorSuite, tally, withSelector } from "./suites/selector.ts"

class Greeter extends Contract.Service<Greeter>()("greeter", {
  hello: Contract.method({ success: Schema.String })
}) {}

const filtered = (keep: Parameters<typeof Selector.filter>[0]) =>
  Selector.filter(keep).pipe(Layer.provide(RandomSelectorLive))

selectorSuite("Selector.filter", filtered(() => true))

const isNew = ({ version }: Instance) => version === "2"

const preferring = (options?: Parameters<typeof Selector.prefer>[1]) =>
  Selector.prefer(isNew, options).pipe(Layer.provide(RandomSelectorLive))

selectorSuite("Selector.prefer", preferring())

describe("Selector.prefer", () => {
  const [a, b, c, d] = [
    instance("a"),
    instance("b"),
    instance("c", { version: "2" }),
    instance("d", { version: "2" })
  ] as const

  it.effect("lends those that pass while there are any, and the others where not", () =>
    withSelector(preferring(), (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(a, b, c, d)
        assert.hasAllKeys(yield* tally(100), ["c", "d"])
        yield* registry.tell(a, b)
        assert.hasAllKeys(yield* tally(100), ["a", "b"])
      })))

  it.effect("lends the others as much as those that are left cannot bear", () =>
    Random.withSeed(
      withSelector(preferring(), (registry) =>
        Effect.gen(function*() {
          const near = Array.from({ length: 100 }, (_, index) => instance(`near-${index}`, { version: "2" }))
          yield* registry.tell(a, b, ...near)
          for (const [left, share] of [[100, 1], [72, 1], [50, 0.7], [25, 0.35], [0, 0]] as const) {
            const avoid = new Set(near.slice(left).map(({ id }) => id))
            const counts = yield* tally(10_000, { avoid })
            const others = (counts["a"] ?? 0) + (counts["b"] ?? 0)
            assert.approximately(1 - others / 10_000, share, 0.02, `${left} are left`)
          }
        })),
      7
    ))

  it.effect("moves to the others before it comes back to one that was tried", () =>
    withSelector(preferring({ spare: Infinity }), (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(a, b, c, d)
        assert.deepStrictEqual(yield* tally(50, { avoid: new Set(["c"]) }), { d: 50 })
        assert.hasAllKeys(yield* tally(100, { avoid: new Set(["c", "d"]) }), ["a", "b"])
        assert.hasAllKeys(yield* tally(100, { avoid: new Set(["a", "b", "c", "d"]) }), ["c", "d"])
      })))

  it.effect("heeds what a call asks for", () =>
    withSelector(preferring(), (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(a, b, c, d)
        assert.deepStrictEqual(yield* tally(50, { keep: ({ id }) => id !== "d" }), { c: 50 })
        assert.deepStrictEqual(yield* tally(50, { keep: ({ id }) => id === "a" }), { a: 50 })
        const { reason } = yield* refusal(pick({ keep: () => false }))
        assert.deepInclude(reason, { _tag: "NoInstance", excluded: 4 })
      })))

  it.effect("laid over one another, lends those that pass all", () =>
    withSelector(
      Selector.prefer(({ id }) => id > "b").pipe(Layer.provide(Selector.prefer(({ id }) => id < "d"))).pipe(
        Layer.provide(RandomSelectorLive)
      ),
      (registry) =>
        Effect.gen(function*() {
          yield* registry.tell(a, b, c, d)
          assert.deepStrictEqual(yield* tally(50), { c: 50 })
        })
    ))
})

const part = (size: number, seed?: number) => Selector.subset(size, { seed }).pipe(Layer.provide(RandomSelectorLive))

selectorSuite("Selector.subset", part(100))

describe("Selector.subset", () => {
  const fleet = Array.from({ length: 100 }, (_, index) => instance(`orders-${index}`))
  const partOf = (size: number, seed: number, ...list: ReadonlyArray<Instance>) =>
    withSelector(part(size, seed), (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...list)
        return Object.keys(yield* tally(size * 20))
      }))

  it.effect("lends so many, others for another seed", () =>
    Effect.gen(function*() {
      const one = yield* partOf(10, 1, ...fleet)
      assert.lengthOf(one, 10)
      assert.sameMembers(yield* partOf(10, 1, ...fleet), one)
      assert.notDeepEqual((yield* partOf(10, 2, ...fleet)).toSorted(), one.toSorted())
    }))

  it.effect("changes one of them at most when one comes or goes", () =>
    Effect.gen(function*() {
      const before = new Set(yield* partOf(10, 1, ...fleet))
      for (const gone of [0, 17, 42]) {
        const after = yield* partOf(10, 1, ...fleet.toSpliced(gone, 1))
        const isOne = before.has(fleet[gone]!.id)
        assert.strictEqual(after.filter((id) => !before.has(id)).length, isOne ? 1 : 0)
      }
      for (const id of before) {
        const after = yield* partOf(10, 1, ...fleet.filter((instance) => instance.id !== id))
        assert.strictEqual(after.filter((id) => !before.has(id)).length, 1)
      }
    }))

  it.effect("gives every instance about as many callers as the next", () =>
    Effect.gen(function*() {
      const parts = yield* Effect.forEach(
        Array.from({ length: 200 }),
        (_, seed) => partOf(20, seed, ...fleet)
      )
      const callers = [...Map.groupBy(parts.flat(), (id) => id).values()].map(({ length }) => length)
      assert.lengthOf(callers, 100)
      // Drawn by lot, 40 on average with a deviation of 6.
      assert.isAbove(Math.min(...callers), 20)
      assert.isBelow(Math.max(...callers), 60)
    }))

  it.effect("lends others only where none of the part is left", () =>
    withSelector(part(2, 1), (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(...fleet)
        const [first, second] = Object.keys(yield* tally(50)) as [string, string]
        assert.deepStrictEqual(yield* tally(50, { avoid: new Set([first]) }), { [second]: 50 })
        const others = yield* tally(50, { avoid: new Set([first, second]) })
        assert.doesNotHaveAnyKeys(others, [first, second])
      })))

  it.effect("is drawn by lot where no seed is given", () =>
    Effect.gen(function*() {
      const drawn = (seed: number) =>
        Random.withSeed(
          withSelector(part(10), (registry) =>
            Effect.gen(function*() {
              yield* registry.tell(...fleet)
              return Object.keys(yield* tally(200))
            })),
          seed
        )
      assert.notDeepEqual((yield* drawn(1)).toSorted(), (yield* drawn(2)).toSorted())
    }))
})

describe("Selector.CurrentAddresses", () => {
  const at = (...addresses: ReadonlyArray<string>) => Effect.provideService(Selector.CurrentAddresses, addresses)
  const selector = EjectingSelectorLive.pipe(Layer.provide(filtered(() => false)))

  it.effect("lends the addresses that were given, and asks no registry", () =>
    withSelector(selector, (registry) =>
      Effect.gen(function*() {
        const counts = yield* tally(100).pipe(at("micro://10.0.0.7:4000", "micro://10.0.0.8:4000"))
        assert.hasAllKeys(counts, ["micro://10.0.0.7:4000", "micro://10.0.0.8:4000"])
        assert.strictEqual(registry.watches(), 0)
      })))

  it.effect("lends another one to a retry, where there is one", () =>
    withSelector(selector, () =>
      Effect.gen(function*() {
        const avoid = new Set(["micro://a"])
        assert.deepStrictEqual(yield* tally(20, { avoid }).pipe(at("micro://a", "micro://b")), { "micro://b": 20 })
        assert.deepStrictEqual(yield* tally(20, { avoid }).pipe(at("micro://a")), { "micro://a": 20 })
      })))

  it.effect("says that nobody is there where no address was given", () =>
    withSelector(selector, () =>
      Effect.gen(function*() {
        const { reason } = yield* refusal(pick()).pipe(at())
        assert.deepInclude(reason, { _tag: "NoInstance", service: "orders", excluded: 0 })
      })))

  it.live("takes calls where they are told to go", () =>
    Effect.gen(function*() {
      const listed = yield* serve(Greeter, { hello: () => Effect.succeed("listed") })
      const named = yield* serve(Greeter, { hello: () => Effect.succeed("named") })
      const greeter = yield* client(Greeter, { registry: knowing("greeter", listed.address) })
      assert.strictEqual(yield* greeter.hello(), "listed")
      assert.strictEqual(yield* greeter.hello().pipe(at(named.address)), "named")
    }))

  it.live("says of an address that is none that nobody can be called there", () =>
    Effect.gen(function*() {
      const { address } = yield* serve(Greeter, { hello: () => Effect.succeed("listed") })
      const greeter = yield* client(Greeter, { registry: knowing("greeter", address) })
      for (const none of ["", "no address at all", "micro://", "micro://[", "gopher://127.0.0.1:70"]) {
        const error = yield* Effect.flip(greeter.hello().pipe(at(none)))
        assert.include(["Unreachable", "Unimplemented"], error.reason._tag, none)
        assert.strictEqual(yield* greeter.hello().pipe(at(none, address)), "listed")
      }
    }))
})

describe("Selector.filter", () => {
  it.effect("lets only some be candidates", () =>
    withSelector(filtered(({ version }) => version === "2"), (registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a", { version: "1" }), instance("b", { version: "2" }))
        assert.deepStrictEqual(yield* tally(50), { b: 50 })
        yield* registry.tell(instance("a", { version: "1" }))
        const { reason } = yield* refusal(pick())
        assert.deepInclude(reason, { _tag: "NoInstance", excluded: 1 })
      })))

  it.effect("adds to what a call asks for", () =>
    withSelector(filtered(({ version }) => version === "2"), (registry) =>
      Effect.gen(function*() {
        const north = { zone: "north" }
        yield* registry.tell(
          instance("a", { version: "1", metadata: north }),
          instance("b", { version: "2", metadata: north }),
          instance("c", { version: "2" })
        )
        assert.deepStrictEqual(yield* tally(50, { keep: ({ metadata }) => metadata["zone"] === "north" }), { b: 50 })
      })))

  it.effect("knows versions, and labels", () =>
    withSelector(
      Selector.version("2").pipe(
        Layer.provide(Selector.labels({ zone: "north", disk: "fast" })),
        Layer.provide(RandomSelectorLive)
      ),
      (registry) =>
        Effect.gen(function*() {
          const north = { zone: "north", disk: "fast", rack: "7" }
          yield* registry.tell(
            instance("a", { version: "1", metadata: north }),
            instance("b", { version: "2", metadata: north }),
            instance("c", { version: "2", metadata: { zone: "north" } }),
            instance("d", { version: "2", metadata: { zone: "south", disk: "fast" } })
          )
          assert.deepStrictEqual(yield* tally(50), { b: 50 })
        })
    ))
})
