/** The laws of a registry, run against every layer of the tag. */
import { assert, describe, it } from "@effect/vitest"
import * as Array from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Endpoint, Instance, Registry, type RegistryError } from "../../src/Registry.ts"

/** An instance that any registry can announce. */
export const instance = (
  id: string,
  options?: Partial<Pick<Instance, "service" | "version" | "address" | "metadata" | "endpoints">>
): Instance =>
  new Instance({
    id,
    service: "orders",
    version: "1.0.0",
    address: "micro://127.0.0.1:4000",
    metadata: {},
    endpoints: [],
    ...options
  })

/** The first list that passes. */
export const awaitList = <A>(
  lists: Stream.Stream<ReadonlyArray<A>, RegistryError>,
  passes: (list: ReadonlyArray<A>) => boolean
): Effect.Effect<ReadonlyArray<A>, RegistryError> =>
  lists.pipe(
    Stream.filter(passes),
    Stream.runHead,
    Effect.flatMap(Effect.fromOption),
    Effect.orDie,
    Effect.timeout("10 seconds"),
    Effect.orDie
  )

/** The ids of instances. */
export const ids = (instances: ReadonlyArray<Instance>): ReadonlyArray<string> => instances.map(({ id }) => id)

const sameIds = (...expected: ReadonlyArray<string>) => (list: ReadonlyArray<Instance>): boolean =>
  ids(list).join() === expected.join()

/** Proves that a layer is a registry. */
export const registrySuite = <E>(name: string, layer: Layer.Layer<Registry, E>): void => {
  describe(`${name} is a registry`, () => {
    const law = (sentence: string, proof: Effect.Effect<void, RegistryError, Registry | Scope.Scope>) =>
      it.live(sentence, () => Effect.provide(proof, layer))

    law(
      "lists an instance as it was registered",
      Effect.gen(function*() {
        const registry = yield* Registry
        const registered = instance("one", {
          address: "http://[::1]:8080",
          metadata: { zone: "a", weight: "3" },
          endpoints: [new Endpoint({ name: "Orders.place", metadata: { stream: "false" } })]
        })
        yield* registry.register(registered)
        const [listed] = yield* awaitList(registry.watch("orders"), () => true)
        assert.strictEqual(listed?.id, "one")
        assert.strictEqual(listed.service, "orders")
        assert.strictEqual(listed.version, "1.0.0")
        assert.strictEqual(listed.address, "http://[::1]:8080")
        // A registry may add what its wire asks for; it takes nothing away.
        assert.deepInclude(listed.metadata, registered.metadata)
        assert.deepStrictEqual(listed.endpoints, registered.endpoints)
      })
    )

    law(
      "says that nobody is there with an empty list",
      Effect.gen(function*() {
        const registry = yield* Registry
        yield* registry.register(instance("one", { service: "users" }))
        assert.deepStrictEqual(yield* awaitList(registry.watch("orders"), () => true), [])
      })
    )

    law(
      "knows who was registered before in its first list",
      Effect.gen(function*() {
        const registry = yield* Registry
        for (const id of ["c", "a", "b"]) yield* registry.register(instance(id))
        assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["a", "b", "c"])
      })
    )

    law(
      "emits whole lists, sorted by id, as instances come and go",
      Effect.gen(function*() {
        const registry = yield* Registry
        const orders = registry.watch("orders")
        const leaving = yield* Scope.make()
        yield* registry.register(instance("c"))
        yield* awaitList(orders, sameIds("c"))
        yield* Scope.provide(registry.register(instance("b")), leaving)
        yield* awaitList(orders, sameIds("b", "c"))
        yield* registry.register(instance("a"))
        yield* awaitList(orders, sameIds("a", "b", "c"))
        yield* Scope.close(leaving, Exit.void)
        yield* awaitList(orders, sameIds("a", "c"))
      })
    )

    law(
      "tells a watcher that is already there",
      Effect.gen(function*() {
        const registry = yield* Registry
        const following = yield* registry.watch("orders").pipe(
          Stream.takeUntil((list) => list.length === 1),
          Stream.runCollect,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* awaitList(registry.watch("orders"), sameIds())
        yield* registry.register(instance("one"))
        assert.deepStrictEqual(ids((yield* Fiber.join(following)).at(-1) ?? []), ["one"])
      })
    )

    law(
      "removes an instance when its scope ends in failure, too",
      Effect.gen(function*() {
        const registry = yield* Registry
        const scope = yield* Scope.make()
        yield* Scope.provide(registry.register(instance("one")), scope)
        yield* awaitList(registry.watch("orders"), sameIds("one"))
        yield* Scope.close(scope, Exit.die("crash"))
        yield* awaitList(registry.watch("orders"), sameIds())
      })
    )

    law(
      "never emits the same list twice in a row",
      Effect.gen(function*() {
        const registry = yield* Registry
        const lists = yield* registry.watch("orders").pipe(
          Stream.takeUntil((list) => list.length === 2),
          Stream.runCollect,
          Effect.forkScoped({ startImmediately: true })
        )
        yield* registry.register(instance("one"))
        yield* awaitList(registry.watch("orders"), sameIds("one"))
        yield* registry.register(instance("one"))
        yield* registry.register(instance("other", { service: "users" }))
        yield* registry.register(instance("two"))
        const seen = (yield* Fiber.join(lists)).map((list) => ids(list).join())
        assert.deepStrictEqual(seen, Array.dedupeAdjacent(seen))
        assert.strictEqual(seen.at(-1), "one,two")
      })
    )

    law(
      "replaces what was said under the same id",
      Effect.gen(function*() {
        const registry = yield* Registry
        const orders = registry.watch("orders")
        yield* registry.register(instance("one", { metadata: { weight: "1" } }))
        yield* awaitList(orders, sameIds("one"))
        yield* registry.register(instance("one", { metadata: { weight: "2" } }))
        const list = yield* awaitList(orders, ([first]) => first?.metadata["weight"] === "2")
        assert.deepStrictEqual(ids(list), ["one"])
      })
    )

    law(
      "keeps what replaced an instance when the replaced one's scope closes",
      Effect.gen(function*() {
        const registry = yield* Registry
        const older = yield* Scope.make()
        yield* Scope.provide(registry.register(instance("one", { version: "1" })), older)
        yield* registry.register(instance("one", { version: "2" }))
        yield* Scope.close(older, Exit.void)
        yield* registry.register(instance("two"))
        const list = yield* awaitList(registry.watch("orders"), (list) => list.length === 2)
        assert.deepStrictEqual(list.map(({ version }) => version), ["2", "1.0.0"])
      })
    )

    law(
      "keeps services apart that have ids in common",
      Effect.gen(function*() {
        const registry = yield* Registry
        yield* registry.register(instance("one"))
        yield* registry.register(instance("one", { service: "users", address: "micro://127.0.0.1:5000" }))
        const [[order], [user]] = yield* Effect.all([
          awaitList(registry.watch("orders"), () => true),
          awaitList(registry.watch("users"), () => true)
        ], { concurrency: 2 })
        assert.strictEqual(order?.address, "micro://127.0.0.1:4000")
        assert.strictEqual(user?.address, "micro://127.0.0.1:5000")
      })
    )

    law(
      "lists the names of services, sorted, as they come and go",
      Effect.gen(function*() {
        const registry = yield* Registry
        const said = (...names: ReadonlyArray<string>) => (list: ReadonlyArray<string>) => list.join() === names.join()
        yield* awaitList(registry.services, said())
        yield* registry.register(instance("1", { service: "users" }))
        yield* awaitList(registry.services, said("users"))
        const leaving = yield* Scope.make()
        yield* Scope.provide(registry.register(instance("1")), leaving)
        yield* Scope.provide(registry.register(instance("2")), leaving)
        yield* awaitList(registry.services, said("orders", "users"))
        yield* Scope.close(leaving, Exit.void)
        yield* awaitList(registry.services, said("users"))
      })
    )

    law(
      "keeps an instance that was doubted and is there",
      Effect.gen(function*() {
        const registry = yield* Registry
        yield* registry.register(instance("one"))
        yield* registry.doubt(instance("one"))
        yield* registry.register(instance("two"))
        yield* awaitList(registry.watch("orders"), sameIds("one", "two"))
      })
    )

    law(
      "takes doubt about somebody it does not know",
      Effect.gen(function*() {
        const registry = yield* Registry
        yield* registry.doubt(instance("nobody"))
        assert.deepStrictEqual(yield* awaitList(registry.watch("orders"), () => true), [])
      })
    )
  })
}
