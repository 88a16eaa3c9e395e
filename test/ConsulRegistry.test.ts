import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as zlib from "node:zlib"
import * as Tags from "../src/internal/consul/tags.ts"
import * as ConsulRegistry from "../src/Layers/ConsulRegistry.ts"
import { Endpoint, type Instance, Registry } from "../src/Registry.ts"
import * as Fake from "./consul/fake.ts"
import * as Consul from "./servers/consul.ts"
import * as Process from "./servers/process.ts"
import { awaitList, ids, instance, registrySuite } from "./suites/registry.ts"
import * as Certificates from "./tls/certificates.ts"

/** What a real one and the fake have in common. */
interface Server {
  readonly url: string
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

const put = (url: string, body: object): Effect.Effect<number> =>
  Effect.promise(() => fetch(url, { method: "PUT", body: JSON.stringify(body) }).then(({ status }) => status))

/** The lists of a service as they come. */
const follow = Effect.fnUntraced(function*(registry: Registry["Service"], service = "orders") {
  const lists = yield* Queue.unbounded<ReadonlyArray<Instance>>()
  yield* Effect.forkScoped(Stream.runForEach(registry.watch(service), (list) => Queue.offer(lists, list)))
  return lists
})

const next = (lists: Queue.Dequeue<ReadonlyArray<Instance>>): Effect.Effect<string> =>
  Queue.take(lists).pipe(Effect.map((list) => ids(list).join()), Effect.timeout("20 seconds"), Effect.orDie)

/** What holds for every Consul. */
const contract = (name: string, isMissing: boolean, open: Effect.Effect<Server, never, Scope.Scope>): void => {
  describe.skipIf(isMissing)(`Registry over ${name}`, () => {
    registrySuite(
      name,
      Layer.effect(Registry, Effect.flatMap(open, ({ url }) => ConsulRegistry.make({ address: url })))
    )

    it.live("sees what another process registers and takes away within moments", () =>
      Effect.gen(function*() {
        const { url } = yield* open
        const here = yield* ConsulRegistry.make({ address: url })
        const there = yield* ConsulRegistry.make({ address: url })
        const lists = yield* follow(here)
        assert.strictEqual(yield* next(lists), "")
        const scope = yield* Scope.make()
        yield* Scope.provide(there.register(instance("one")), scope)
        assert.strictEqual(yield* next(lists), "one")
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* next(lists), "")
      }))

    it.live("drops who stops saying that it is well, and lists who says so for longer than its TTL", () =>
      Effect.gen(function*() {
        const { url } = yield* open
        const registry = yield* ConsulRegistry.make({ address: url, check: { ttl: "1 second" } })
        const lists = yield* follow(registry)
        assert.strictEqual(yield* next(lists), "")
        yield* put(`${url}/v1/agent/service/register`, {
          ID: "crashed",
          Name: "orders",
          Port: 80,
          Tags: Tags.encode(instance("crashed")),
          Checks: [{ CheckID: "service:crashed", TTL: "1500ms", Status: "passing" }]
        })
        assert.strictEqual(yield* next(lists), "crashed")
        yield* registry.register(instance("one"))
        assert.strictEqual(yield* next(lists), "crashed,one")
        // The younger one has said several times by then that it is well.
        assert.strictEqual(yield* next(lists), "one")
      }))

    it.live(
      "registers again with a Consul that has lost its data, and tells who watches",
      () =>
        Effect.gen(function*() {
          const server = yield* open
          const registry = yield* ConsulRegistry.make({ address: server.url, check: { ttl: "2 seconds" } })
          yield* registry.register(instance("one"))
          const lists = yield* follow(registry)
          assert.strictEqual(yield* next(lists), "one")
          yield* server.kill
          yield* server.start
          yield* registry.register(instance("two"))
          // In between it may be told that nobody is there: that is what Consul says.
          yield* awaitList(registry.watch("orders"), (list) => ids(list).join() === "one,two")
        }),
      30_000
    )

    it.live("keeps its last list while Consul is away, and goes on when it is back", () =>
      Effect.gen(function*() {
        const server = yield* open
        const registry = yield* ConsulRegistry.make({ address: server.url })
        yield* registry.register(instance("one"))
        const lists = yield* follow(registry)
        assert.strictEqual(yield* next(lists), "one")
        yield* server.kill
        assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["one"])
        const error = yield* Effect.flip(Effect.scoped(registry.register(instance("two"))))
        assert.strictEqual(error.reason._tag, "RegistryUnavailable")
        assert.include(error.message, server.url)
        const failed = yield* Effect.flip(Stream.runHead(registry.watch("users")))
        assert.strictEqual(failed.reason._tag, "RegistryUnavailable")
        yield* server.start
        yield* awaitList(registry.watch("users"), () => true)
      }), 30_000)

    it.live("writes what Go Micro reads, and reads what Go Micro and others write", () =>
      Effect.gen(function*() {
        const { url } = yield* open
        const registry = yield* ConsulRegistry.make({ address: url })
        const endpoints = [new Endpoint({ name: "Orders.place", metadata: { stream: "false" } })]
        yield* registry.register(instance("one", { metadata: { zone: "a" }, endpoints, address: "http://10.0.0.7:80" }))
        const written = yield* Effect.promise(async () =>
          await (await fetch(`${url}/v1/health/service/orders`)).json() as ReadonlyArray<{
            Service: { ID: string; Address: string; Port: number; Tags: ReadonlyArray<string> }
          }>
        )
        const { Address, Port, Tags: tags } = written[0]!.Service
        assert.deepStrictEqual([Address, Port], ["10.0.0.7", 80])
        const said = tags.map((tag) => tag.slice(0, 2) + zlib.inflateSync(Buffer.from(tag.slice(2), "hex")))
        assert.includeMembers(said, [
          `t-{"zone":"a"}`,
          `t-{"protocol":"mucp"}`,
          `e-{"name":"Orders.place","request":null,"response":null,"metadata":{"stream":"false"}}`,
          "v-1.0.0"
        ])
        yield* put(`${url}/v1/agent/service/register`, {
          ID: "gopher-1",
          Name: "gophers",
          Address: "10.0.0.8",
          Port: 9090,
          Tags: [
            "t-789caa562a28ca2fc94fcecf51b2524a2f2a4856aa05040000ffff468306d9",
            "v-789cca492c492d2e01040000ffff08cc028e",
            "e-nonsense"
          ]
        })
        yield* put(`${url}/v1/agent/service/register`, {
          ID: "web",
          Name: "gophers",
          Address: "::1",
          Tags: ["primary"],
          Meta: { version: "2", zone: "b" }
        })
        const list = yield* awaitList(registry.watch("gophers"), (list) => list.length === 2)
        assert.deepStrictEqual(list.map(({ address, id, metadata, version }) => ({ address, id, metadata, version })), [
          { id: "gopher-1", address: "http://10.0.0.8:9090", version: "latest", metadata: { protocol: "grpc" } },
          { id: "web@one", address: "http://[::1]", version: "2", metadata: { version: "2", zone: "b" } }
        ])
      }))
  })
}

contract("a fake Consul", false, Fake.open())

contract("Consul (needs consul)", Consul.isMissing, Consul.open())

describe("ConsulRegistry", () => {
  it.live(
    "takes neither a leaderless server, nor one that hides, nor an error for an empty fleet",
    () =>
      Effect.gen(function*() {
        const server = yield* Fake.open()
        const registry = yield* ConsulRegistry.make({ address: server.url })
        yield* registry.register(instance("one"))
        const lists = yield* follow(registry)
        const names = yield* Stream.toQueue(registry.services, { capacity: 16 })
        assert.strictEqual(yield* next(lists), "one")
        assert.deepStrictEqual(yield* Queue.take(names), ["orders"])
        for (const how of ["leaderless", "hiding", "failing"] as const) {
          yield* server.behave(how)
          yield* server.touch
          yield* server.kill
          yield* server.start
          const problem = yield* Effect.flip(Stream.runHead(registry.watch("users")))
          assert.include(problem.message, { leaderless: "no leader", hiding: "permission", failing: "500" }[how])
          assert.strictEqual(yield* Queue.size(lists), 0)
        }
        yield* server.behave("well")
        yield* registry.register(instance("two"))
        assert.strictEqual(yield* next(lists), "one,two")
        assert.strictEqual(yield* Queue.size(names), 0)
      }),
    30_000
  )

  it.live("starts anew when the index goes backwards", () =>
    Effect.gen(function*() {
      const server = yield* Fake.open()
      const registry = yield* ConsulRegistry.make({ address: server.url, check: { ttl: "1 second" } })
      yield* registry.register(instance("one"))
      const lists = yield* follow(registry)
      assert.strictEqual(yield* next(lists), "one")
      yield* server.awaited
      yield* server.forget
      // With the old index this would be seen after a minute.
      yield* registry.register(instance("two"))
      yield* awaitList(registry.watch("orders"), (list) => ids(list).join() === "one,two")
    }), 30_000)

  it.live("asks once for all who watch a name", () =>
    Effect.gen(function*() {
      const server = yield* Fake.open()
      const registry = yield* ConsulRegistry.make({ address: server.url })
      const all = yield* Effect.forEach(Array.from({ length: 20 }), () => follow(registry, "users"))
      for (const lists of all) assert.strictEqual(yield* next(lists), "")
      yield* put(`${server.url}/v1/agent/service/register`, { ID: "one", Name: "users" })
      for (const lists of all) assert.strictEqual(yield* next(lists), "one@one")
      // The second was answered by the change; the third waits.
      yield* server.touch
      assert.isAtMost(server.requests.filter((request) => request === "GET /v1/health/service/users").length, 3)
    }), 30_000)

  it.live("asks no more than twice a second while others change", () =>
    Effect.gen(function*() {
      const server = yield* Fake.open()
      const registry = yield* ConsulRegistry.make({ address: server.url })
      const lists = yield* follow(registry, "nobody")
      assert.strictEqual(yield* next(lists), "")
      const before = server.requests.length
      const churn = yield* Effect.forkScoped(Effect.forever(Effect.andThen(server.touch, Effect.sleep("5 millis"))))
      const [spent] = yield* Effect.timed(Effect.gen(function*() {
        while (server.requests.length < before + 4) yield* Effect.sleep("5 millis")
      }))
      yield* Fiber.interrupt(churn)
      // Four more take two seconds, and milliseconds where nobody minds.
      assert.isAtLeast(Duration.toMillis(spent), 1000)
    }), 30_000)

  it.live("lets Consul ask, where it is told to, and comes back when it was forgotten", () =>
    Effect.gen(function*() {
      const server = yield* Fake.open()
      const registry = yield* ConsulRegistry.make({ address: server.url, check: { http: "/health" } })
      yield* registry.register(instance("one"))
      const lists = yield* follow(registry)
      assert.strictEqual(yield* next(lists), "one")
      yield* put(`${server.url}/v1/agent/service/deregister/${encodeURIComponent("orders:one")}`, {})
      assert.strictEqual(yield* next(lists), "")
      assert.strictEqual(yield* next(lists), "one")
    }), 30_000)

  it.effect("refuses an address that nobody could use", () =>
    Effect.gen(function*() {
      const registry = yield* ConsulRegistry.make()
      const error = yield* Effect.flip(Effect.scoped(registry.register(instance("one", { address: "nowhere" }))))
      assert.strictEqual(error.message, "Instance one of orders cannot be registered: nowhere has no host")
      const wrong = yield* Effect.flip(Effect.scoped(ConsulRegistry.make({ address: "ftp://somewhere" })))
      assert.include(wrong.message, "ftp://somewhere")
    }))

  it.live.skipIf(Consul.isMissing)(
    "says that a token may not read or write, and reads with one that may (needs consul)",
    () =>
      Effect.gen(function*() {
        const master = "5cd3f1a4-6f4c-4a68-9b5e-b1a1a4a1a6f0"
        const { url } = yield* Consul.open({
          acl: { enabled: true, default_policy: "deny", tokens: { master, agent: master } }
        })
        const folder = yield* Process.folder
        const file = path.join(folder, "token")
        const registry = yield* ConsulRegistry.make({ address: url, token: { file } })
        const absent = yield* Effect.flip(Stream.runHead(registry.watch("orders")))
        assert.include(absent.message, file)
        fs.writeFileSync(file, `${master}\n`)
        yield* registry.register(instance("one"))
        const lists = yield* follow(registry)
        assert.strictEqual(yield* next(lists), "one")

        const stranger = yield* ConsulRegistry.make({ address: url })
        const unread = yield* Effect.flip(Stream.runHead(stranger.watch("orders")))
        assert.include(unread.message, "no permission to read orders")
        const unlisted = yield* Effect.flip(Stream.runHead(stranger.services))
        assert.include(unlisted.message, "no permission")
        const unwritten = yield* Effect.flip(Effect.scoped(stranger.register(instance("two"))))
        assert.include(unwritten.message, "403")
        const nobody = yield* ConsulRegistry.make({ address: url, token: Redacted.make("nobody") })
        assert.include((yield* Effect.flip(Stream.runHead(nobody.watch("orders")))).message, "ACL not found")
      }),
    30_000
  )

  it.live("speaks TLS, shows who it is, and trusts nobody else", () =>
    Effect.gen(function*() {
      const { ca, cert, key } = Certificates.local()
      const server = yield* Fake.open({ ca, cert, key, requestCert: true, rejectUnauthorized: true })
      const registry = yield* ConsulRegistry.make({ address: server.url, tls: { ca, cert, key } })
      yield* registry.register(instance("one"))
      assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["one"])
      const strangers = Certificates.authority("Theirs")
      const wary = yield* ConsulRegistry.make({ address: server.url, tls: { ca: strangers.cert, cert, key } })
      const error = yield* Effect.flip(Stream.runHead(wary.watch("orders")))
      assert.strictEqual(error.reason._tag, "RegistryUnavailable")
    }))

  it.live("reads the environment as Consul's own tools do", () =>
    Effect.gen(function*() {
      const server = yield* Fake.open()
      const layer = ConsulRegistry.layerConfig().pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
          CONSUL_HTTP_ADDR: server.url.replace("http://", ""),
          CONSUL_HTTP_TOKEN: "secret",
          CONSUL_NAMESPACE: "team"
        })))
      )
      const list = Effect.flatMap(Registry, (registry) => awaitList(registry.watch("orders"), () => true))
      assert.deepStrictEqual(yield* Effect.provide(list, layer), [])
    }))
})
