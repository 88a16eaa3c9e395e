import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as GossipRegistry from "../src/Layers/GossipRegistry.ts"
import { Registry } from "../src/Registry.ts"
import * as Crowds from "./gossip/crowds.ts"
import { addressOf, alive, alone, member, until } from "./gossip/members.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

registrySuite("GossipRegistry", GossipRegistry.layer(alone))

registrySuite(
  "GossipRegistry, one of two,",
  Layer.effect(
    Registry,
    Effect.gen(function*() {
      const first = yield* member()
      return (yield* member({}, first)).registry
    })
  )
)

const keys = (...bytes: ReadonlyArray<number>) =>
  bytes.map((byte) => Redacted.make(Buffer.alloc(32, byte).toString("base64")))

/** What is logged by those that are made with it, once it is what is looked for. */
const logged = (text: string) => {
  const said = Deferred.makeUnsafe<void>()
  const all: Array<string> = []
  const logger = Logger.make(({ message }) => {
    const line = String(message)
    all.push(line)
    if (line.includes(text)) Deferred.doneUnsafe(said, Exit.void)
  })
  return { said: Deferred.await(said), all, layer: Logger.layer([logger]) }
}

describe("a member of a gossip cluster", () => {
  it.live("knows in its first list what was registered before it came", () =>
    Effect.gen(function*() {
      const first = yield* member()
      yield* first.registry.register(instance("one"))
      const second = yield* member({}, first)
      assert.deepStrictEqual(ids(yield* awaitList(second.registry.watch("orders"), () => true)), ["one"])
    }))

  it.live("hears what others register, replace and take back", () =>
    Effect.gen(function*() {
      const first = yield* member()
      const second = yield* member({}, first)
      const orders = second.registry.watch("orders")
      const scope = yield* Scope.make()
      yield* Scope.provide(first.registry.register(instance("one", { version: "1" })), scope)
      yield* awaitList(orders, (list) => list[0]?.version === "1")
      yield* Scope.provide(first.registry.register(instance("one", { version: "2" })), scope)
      yield* awaitList(orders, (list) => list[0]?.version === "2")
      yield* Scope.close(scope, Exit.void)
      yield* awaitList(orders, (list) => list.length === 0)
    }))

  it.live("knows within seconds what others registered while all of them came", () =>
    Effect.gen(function*() {
      const start = { preset: "lan", count: 2 } as const
      const first = yield* Crowds.open({ ...start, join: [] })
      const join = first.addresses.slice(0, 1)
      const others = yield* Effect.forEach(["a", "b", "c", "d"], (id) =>
        Effect.tap(Crowds.open({ ...start, join }), (crowd) => Effect.sync(() => crowd.register(instance(id)))), {
        concurrency: 2
      })
      const isWhole = (told: Crowds.Told) =>
        told._tag === "Listed" && told.ids.length === others.length
      // Two of them compare what they know half a minute later.
      yield* until(
        () =>
          Crowds.times(others, 0, isWhole).length === 8,
        "services of all that came",
        15_000
      )
    }), 90_000)

  it.live("takes its services along when it leaves", () =>
    Effect.gen(function*() {
      // With the patience of a network: on a machine that stands still for a second, "local" finds it dead before it leaves.
      const first = yield* member({ preset: "lan" })
      const scope = yield* Scope.make()
      const second = yield* Scope.provide(member({ preset: "lan" }, first), scope)
      // Registered for longer than its member lives: nobody takes it back.
      yield* second.registry.register(instance("one"))
      yield* awaitList(first.registry.watch("orders"), (list) => list.length === 1)
      yield* Scope.close(scope, Exit.void)
      yield* awaitList(first.registry.watch("orders"), (list) => list.length === 0)
      assert.strictEqual(first.node.swim.get(second.node.swim.self.node)?.state, "left")
    }))

  it.live("carries a record that no packet holds", () =>
    Effect.gen(function*() {
      const first = yield* member()
      const second = yield* member({}, first)
      const third = yield* member({}, first)
      yield* until(() => alive(second).length === 3 && alive(third).length === 3, "three members")
      const metadata = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key-${index}`, "x".repeat(40)]))
      yield* second.registry.register(instance("one", { metadata }))
      const [listed] = yield* awaitList(third.registry.watch("orders"), (list) => list.length === 1)
      assert.deepInclude(listed?.metadata, metadata)
    }))

  it.live("refuses what is too long for any record, and says so", () =>
    Effect.gen(function*() {
      const { registry } = yield* member()
      const error = yield* Effect.flip(registry.register(instance("one", { metadata: { a: "x".repeat(70_000) } })))
      assert.include(error.message, "Instance one of orders cannot be registered: the instances of one process take 70")
      assert.deepStrictEqual(yield* awaitList(registry.watch("orders"), () => true), [])
    }))

  it.live("keeps what is secret between those that have the key", () =>
    Effect.gen(function*() {
      const first = yield* member({ keys: keys(1, 2) })
      // The one writes what the other only reads: so keys are changed.
      const second = yield* member({ keys: keys(2, 1) }, first)
      yield* second.registry.register(instance("one"))
      yield* awaitList(first.registry.watch("orders"), (list) => list.length === 1)
      assert.lengthOf(alive(second), 2)
    }))

  for (
    const [what, theirs, text] of [
      ["another key", { keys: keys(3) }, "None of 1 keys opens the message"],
      ["no key", {}, "The stream is encrypted, and there is no key"],
      ["another label", { keys: keys(1), label: "blue" }, "it closed the connection without an answer"]
    ] as const
  ) {
    it.live(`is not joined by one with ${what}, which both say once`, () => {
      const log = logged(text)
      return Effect.gen(function*() {
        const first = yield* member({ keys: keys(1) })
        const second = yield* member({ ...theirs }, first)
        yield* log.said
        yield* until(() => log.all.some((line) => line.includes("is not of this gossip cluster")), "a complaint")
        assert.deepStrictEqual(yield* awaitList(second.registry.services, () => true), [])
        assert.lengthOf(alive(first), 1)
        assert.lengthOf(alive(second), 1)
        assert.lengthOf(new Set(log.all), log.all.length)
        assert.notInclude(log.all.join(), Buffer.alloc(32, 1).toString("base64"))
      }).pipe(Effect.provide(log.layer))
    })
  }

  it.live("goes on asking until somebody is there to be joined", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const gone = yield* Scope.provide(member(), scope)
      const { port } = gone.node.swim.self
      yield* Scope.close(scope, Exit.void)
      const early = yield* member({}, gone)
      // It knows that nobody answers, which is all there is to know.
      assert.deepStrictEqual(yield* awaitList(early.registry.services, () => true), [])
      const late = yield* member({ port })
      yield* until(() => alive(late).length === 2 && alive(early).length === 2, "two members")
    }))

  it.live("finds one again that it has lost, though that one asks nobody", () =>
    Effect.gen(function*() {
      const first = yield* member()
      const stateOf = () => first.node.swim.get("lost")?.state
      const start = { preset: "local", count: 1, node: "lost" } as const
      const crowd = yield* Crowds.open({ ...start, join: [addressOf(first)] })
      yield* until(() => stateOf() === "alive", "a member")
      crowd.kill()
      yield* until(() => stateOf() === "dead", "a member that is lost")
      yield* Crowds.open({ ...start, join: [], port: Number(crowd.addresses[0]?.split(":")[1]) })
      yield* until(() => stateOf() === "alive", "a member that is found again", 30_000)
    }), 60_000)

  it.live("overrules what is still told of an earlier process of its name", () =>
    Effect.gen(function*() {
      const first = yield* member()
      const orders = first.registry.watch("orders")
      const scope = yield* Scope.make()
      const earlier = yield* Scope.provide(member({ node: "stable" }, first), scope)
      for (const id of ["one", "two"]) yield* earlier.registry.register(instance(id))
      yield* awaitList(orders, (list) => list.length === 2)
      yield* Scope.close(scope, Exit.void)
      yield* awaitList(orders, (list) => list.length === 0)
      const later = yield* member({ node: "stable" }, first)
      yield* later.registry.register(instance("three"))
      yield* awaitList(orders, (list) => ids(list).join() === "three")
    }))

  it.live("says what is wrong with a key, a label, a name or a port", () =>
    Effect.gen(function*() {
      const problem = (options: GossipRegistry.Options) =>
        Effect.map(Effect.flip(member(options)), ({ message }) => message)
      const short = Redacted.make(Buffer.alloc(15).toString("base64"))
      assert.include(yield* problem({ keys: [short] }), "key 1 has 15 bytes in base64, and AES takes 16, 24 or 32")
      assert.include(yield* problem({ label: "x".repeat(256) }), "the label has 256 bytes, and 255 are the most")
      assert.include(yield* problem({ node: "x".repeat(256) }), "has 256 bytes, and must have 1 to 255")
      const { node } = yield* member()
      const { port } = node.swim.self
      assert.include(yield* problem({ port }), `port ${port} of 127.0.0.1 cannot be used`)
    }))

  it.live("is told what to do by the configuration", () =>
    Effect.gen(function*() {
      const first = yield* member({ keys: keys(1), label: "blue" })
      yield* first.registry.register(instance("one"))
      const env = ConfigProvider.fromUnknown({
        GOSSIP_HOST: "127.0.0.1",
        GOSSIP_PRESET: "local",
        GOSSIP_JOIN: `${addressOf(first)}, localhost:1`,
        GOSSIP_KEYS: Redacted.value(keys(1)[0]!),
        GOSSIP_LABEL: "blue"
      })
      const services = yield* Effect.gen(function*() {
        return yield* awaitList((yield* Registry).services, () => true)
      }).pipe(Effect.provide(GossipRegistry.layerConfig({ port: 0 }).pipe(Layer.provide(ConfigProvider.layer(env)))))
      assert.deepStrictEqual(services, ["orders"])
    }))
})
