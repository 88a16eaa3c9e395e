import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as DnsRegistry from "../src/Layers/DnsRegistry.ts"
import type { Instance, Registry } from "../src/Registry.ts"
import * as Dns from "./dns/server.ts"
import { awaitList, ids, instance } from "./suites/registry.ts"

const name = "{service}.test"

const follow = Effect.fnUntraced(function*(registry: Registry["Service"], service = "orders") {
  const lists = yield* Queue.unbounded<ReadonlyArray<Instance>>()
  yield* Effect.forkScoped(Stream.runForEach(registry.watch(service), (list) => Queue.offer(lists, list)))
  return Queue.take(lists).pipe(Effect.map((list) => ids(list).join()), Effect.timeout("20 seconds"), Effect.orDie)
})

describe("DnsRegistry", () => {
  it.live("lists the addresses of a name, of both families, with the port that it was given", () =>
    Effect.gen(function*() {
      const server = yield* Dns.open
      yield* server.know(
        Dns.a("orders.test", "10.0.0.8"),
        Dns.a("orders.test", "10.0.0.7"),
        Dns.loopback6("orders.test"),
        Dns.a("users.test", "10.0.0.9")
      )
      const registry = yield* DnsRegistry.make({ name, port: 4000, servers: [server.address] })
      const list = yield* awaitList(registry.watch("orders"), () => true)
      assert.deepStrictEqual(list.map(({ address, id, service }) => [id, service, address]), [
        ["10.0.0.7", "orders", "micro://10.0.0.7:4000"],
        ["10.0.0.8", "orders", "micro://10.0.0.8:4000"],
        ["::1", "orders", "micro://[::1]:4000"]
      ])
    }))

  it.live("lists the SRV records of the first priority whose targets have an address", () =>
    Effect.gen(function*() {
      const server = yield* Dns.open
      yield* server.know(
        Dns.srv("_grpc._tcp.orders.test", 4000, "gone.test", 1),
        Dns.srv("_grpc._tcp.orders.test", 4001, "one.test", 5, 3),
        Dns.srv("_grpc._tcp.orders.test", 4002, "two.test", 5, 0),
        Dns.srv("_grpc._tcp.orders.test", 4003, "two.test", 9),
        Dns.a("one.test", "10.0.0.7"),
        Dns.loopback6("two.test")
      )
      const registry = yield* DnsRegistry.make({
        name: "_grpc._tcp.{service}.test",
        scheme: "grpc",
        servers: [server.address]
      })
      const list = yield* awaitList(registry.watch("orders"), () => true)
      assert.deepStrictEqual(list.map(({ address, id, metadata }) => [id, address, metadata["weight"]]), [
        ["one.test:4001", "grpc://one.test:4001", "3"],
        ["two.test:4002", "grpc://two.test:4002", "0"]
      ])
    }))

  it.live("asks again when the TTL is over, for all who watch at once", () =>
    Effect.gen(function*() {
      const server = yield* Dns.open
      yield* server.know(Dns.a("orders.test", "10.0.0.7", 1))
      const registry = yield* DnsRegistry.make({ name, port: 80, servers: [server.address], minInterval: "50 millis" })
      const [next, other] = [yield* follow(registry), yield* follow(registry)]
      assert.strictEqual(yield* next, "10.0.0.7")
      assert.strictEqual(yield* other, "10.0.0.7")
      assert.strictEqual(yield* server.asked("orders.test", "A"), 1)
      yield* server.know(Dns.a("orders.test", "10.0.0.8", 1))
      assert.strictEqual(yield* next, "10.0.0.8")
      assert.strictEqual(yield* other, "10.0.0.8")
      yield* server.know()
      assert.strictEqual(yield* next, "")
    }), 30_000)

  it.live(
    "asks again at once when an instance could not be reached, however long its TTL is",
    () =>
      Effect.gen(function*() {
        const server = yield* Dns.open
        yield* server.know(Dns.a("orders.test", "10.0.0.7", 3600))
        const registry = yield* DnsRegistry.make({
          name,
          port: 80,
          servers: [server.address],
          minInterval: "50 millis",
          maxInterval: "1 hour"
        })
        const next = yield* follow(registry)
        assert.strictEqual(yield* next, "10.0.0.7")
        yield* server.know(Dns.a("orders.test", "10.0.0.8", 3600))
        yield* registry.doubt(instance("10.0.0.7"))
        assert.strictEqual(yield* next, "10.0.0.8")
      }),
    30_000
  )

  it.live(
    "takes a server that fails for no answer: the last list stays, and where there is none the watch fails",
    () =>
      Effect.gen(function*() {
        const server = yield* Dns.open
        yield* server.know(Dns.a("orders.test", "10.0.0.7", 1))
        const registry = yield* DnsRegistry.make({
          name,
          port: 80,
          servers: [server.address],
          minInterval: "50 millis"
        })
        const next = yield* follow(registry)
        assert.strictEqual(yield* next, "10.0.0.7")
        yield* server.fail(true)
        const failed = yield* Effect.flip(Stream.runHead(registry.watch("users")))
        assert.strictEqual(
          failed.message,
          "The DNS registry is not available: nobody could tell what users.test stands for"
        )
        assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["10.0.0.7"])
        yield* server.nextQuestion("orders.test", "A")
        yield* server.know(Dns.a("orders.test", "10.0.0.7", 1), Dns.a("orders.test", "10.0.0.8", 1))
        yield* server.fail(false)
        assert.strictEqual(yield* next, "10.0.0.7,10.0.0.8")
        assert.deepStrictEqual(yield* awaitList(registry.watch("users"), () => true), [])
      }),
    30_000
  )

  it.live("lets a service start that the platform announces, and tells of the names that it was given", () =>
    Effect.gen(function*() {
      const server = yield* Dns.open
      const registry = yield* DnsRegistry.make({ name, servers: [server.address], services: ["users", "orders"] })
      yield* registry.register(instance("one"))
      assert.deepStrictEqual(yield* awaitList(registry.services, () => true), ["orders", "users"])
      assert.deepStrictEqual(yield* awaitList(registry.watch("orders"), () => true), [])
    }))

  it.effect("says which servers cannot be any", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(DnsRegistry.make({ name, servers: ["nonsense"] })))
      assert.include(error.message, "nonsense")
    }))
})
