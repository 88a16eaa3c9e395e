import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as EtcdRegistry from "../src/Layers/EtcdRegistry.ts"
import { type Instance, Registry } from "../src/Registry.ts"
import * as Etcd from "./servers/etcd.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"

/** Asks etcd itself. */
const call = (url: string, path: string, body: object, token?: string): Effect.Effect<Record<string, unknown>> =>
  Effect.promise(async () => {
    const headers = token === undefined ? {} : { authorization: token }
    const response = await fetch(`${url}/v3/${path}`, { method: "POST", body: JSON.stringify(body), headers })
    return await response.json() as Record<string, unknown>
  })

const base64 = (text: string): string => Buffer.from(text).toString("base64")

/** The lists of a service as they come. */
const follow = Effect.fnUntraced(function*(registry: Registry["Service"]) {
  const lists = yield* Queue.unbounded<ReadonlyArray<Instance>>()
  yield* Effect.forkScoped(Stream.runForEach(registry.watch("orders"), (list) => Queue.offer(lists, list)))
  return lists
})

const next = (lists: Queue.Dequeue<ReadonlyArray<Instance>>): Effect.Effect<string> =>
  Queue.take(lists).pipe(Effect.map((list) => ids(list).join()), Effect.timeout("20 seconds"), Effect.orDie)

describe.skipIf(Etcd.isMissing)("EtcdRegistry (needs etcd)", () => {
  registrySuite(
    "EtcdRegistry",
    Layer.effect(Registry, Effect.flatMap(Etcd.open, ({ url }) => EtcdRegistry.make({ endpoints: url })))
  )

  it.live("sees what another process registers and takes away", () =>
    Effect.gen(function*() {
      const { url } = yield* Etcd.open
      const here = yield* EtcdRegistry.make({ endpoints: url })
      const there = yield* EtcdRegistry.make({ endpoints: url })
      const lists = yield* follow(here)
      assert.strictEqual(yield* next(lists), "")
      const scope = yield* Scope.make()
      yield* Scope.provide(there.register(instance("one")), scope)
      assert.strictEqual(yield* next(lists), "one")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* next(lists), "")
    }), 30_000)

  it.live("drops whose lease runs out, and keeps who is there for longer than its lease", () =>
    Effect.gen(function*() {
      const { url } = yield* Etcd.open
      const registry = yield* EtcdRegistry.make({ endpoints: url, ttl: "1 second" })
      yield* registry.register(instance("one"))
      const lists = yield* follow(registry)
      assert.strictEqual(yield* next(lists), "one")
      yield* call(url, "lease/grant", { TTL: "2", ID: "7" })
      const value = base64(`{"name":"orders","version":"latest","nodes":[{"id":"gone","address":"10.0.0.8:9090"}]}`)
      yield* call(url, "kv/put", { key: base64("/micro/registry/orders/gone"), value, lease: "7" })
      assert.strictEqual(yield* next(lists), "gone,one")
      assert.strictEqual(yield* next(lists), "one")
    }), 30_000)

  it.live("keeps its last list while etcd is away, and goes on when it is back", () =>
    Effect.gen(function*() {
      const server = yield* Etcd.open
      const registry = yield* EtcdRegistry.make({ endpoints: server.url })
      yield* registry.register(instance("one"))
      const lists = yield* follow(registry)
      assert.strictEqual(yield* next(lists), "one")
      yield* server.kill
      assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["one"])
      const unknown = yield* Effect.flip(Stream.runHead(registry.watch("users")))
      assert.include(unknown.message, server.url)
      const refused = yield* Effect.flip(Effect.scoped(registry.register(instance("two"))))
      assert.strictEqual(refused.reason._tag, "RegistryUnavailable")
      yield* server.start
      yield* Effect.retry(registry.register(instance("two")), { times: 20 })
      assert.strictEqual(yield* next(lists), "one,two")
    }), 30_000)

  it.live("writes itself again into an etcd that has lost everything", () =>
    Effect.gen(function*() {
      const server = yield* Etcd.open
      const registry = yield* EtcdRegistry.make({ endpoints: server.url, ttl: "2 seconds" })
      yield* registry.register(instance("one"))
      const other = yield* EtcdRegistry.make({ endpoints: server.url })
      yield* server.kill
      yield* server.startEmpty
      yield* awaitList(other.watch("orders"), (list) => ids(list).join() === "one")
    }), 30_000)

  it.live(
    "misses nothing where the changes since its last list were compacted during an outage",
    () =>
      Effect.gen(function*() {
        const server = yield* Etcd.open
        const registry = yield* EtcdRegistry.make({ endpoints: server.url })
        const lists = yield* follow(registry)
        assert.strictEqual(yield* next(lists), "")
        yield* server.kill
        yield* server.start
        const value = base64(`{"name":"orders","nodes":[{"id":"one","address":"10.0.0.8:9090"}]}`)
        yield* call(server.url, "kv/put", { key: base64("/micro/registry/orders/one"), value })
        const last = yield* call(server.url, "kv/put", { key: base64("another"), value })
        const { revision } = last["header"] as { revision: string }
        yield* call(server.url, "kv/compaction", { revision })
        assert.strictEqual(yield* next(lists), "one")
      }),
    30_000
  )

  it.live("writes what Go Micro reads, and reads what Go Micro writes", () =>
    Effect.gen(function*() {
      const { url } = yield* Etcd.open
      const registry = yield* EtcdRegistry.make({ endpoints: url })
      yield* registry.register(instance("a/b", { service: "go/orders", address: "micro://10.0.0.7:4000" }))
      const key = base64("/micro/registry/go-orders/a-b")
      const { kvs } = yield* call(url, "kv/range", { key })
      const written: unknown = JSON.parse(Buffer.from((kvs as [{ value: string }])[0].value, "base64").toString())
      assert.deepStrictEqual(written, {
        name: "go/orders",
        version: "1.0.0",
        metadata: null,
        endpoints: [],
        nodes: [{
          id: "a/b",
          address: "10.0.0.7:4000",
          metadata: { protocol: "mucp", transport: "http", server: "mucp", registry: "etcd" },
          url: "micro://10.0.0.7:4000"
        }]
      })
      yield* call(url, "kv/put", { key: base64("/micro/registry/gophers/junk"), value: base64("junk") })
      yield* call(url, "kv/put", {
        key: base64("/micro/registry/gophers/gopher-1"),
        value: base64(JSON.stringify({
          name: "gophers",
          version: "latest",
          metadata: null,
          endpoints: [{
            name: "Gophers.Dig",
            request: { name: "Request", type: "Request", values: null },
            metadata: {}
          }],
          nodes: [{ id: "gopher-1", address: "10.0.0.8:9090", metadata: { protocol: "grpc" } }]
        }))
      })
      const [gopher, ...others] = yield* awaitList(registry.watch("gophers"), () => true)
      assert.deepStrictEqual(others, [])
      assert.strictEqual(gopher?.id, "gopher-1")
      assert.strictEqual(gopher.address, "http://10.0.0.8:9090")
      assert.strictEqual(gopher.version, "latest")
      assert.deepStrictEqual(gopher.metadata, { protocol: "grpc" })
      assert.deepStrictEqual(gopher.endpoints.map(({ name }) => name), ["Gophers.Dig"])
      assert.deepStrictEqual(yield* awaitList(registry.services, () => true), ["go/orders", "gophers"])
    }), 30_000)

  it.live(
    "logs in, says so where it may not, and goes on to the next member of the cluster",
    () =>
      Effect.gen(function*() {
        const { url } = yield* Etcd.open
        yield* call(url, "auth/user/add", { name: "root", password: "secret" })
        yield* call(url, "auth/role/add", { name: "root" })
        yield* call(url, "auth/user/grant", { user: "root", role: "root" })
        yield* call(url, "auth/enable", {})
        const stranger = yield* EtcdRegistry.make({ endpoints: url, user: "root", password: Redacted.make("guess") })
        const error = yield* Effect.flip(Stream.runHead(stranger.watch("orders")))
        assert.include(error.message, "root as its user")
        const configured = EtcdRegistry.layerConfig().pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
            ETCDCTL_ENDPOINTS: `127.0.0.1:1,${url.replace("http://", "")}`,
            ETCDCTL_USER: "root:secret"
          })))
        )
        const proof = Effect.gen(function*() {
          const registry = yield* Registry
          // Nobody listens at the first address.
          yield* Effect.flip(Stream.runHead(registry.watch("orders")))
          yield* registry.register(instance("one"))
          assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["one"])
        })
        yield* Effect.provide(proof, configured)
      }),
    30_000
  )
})
