import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as path from "node:path"
import * as KubernetesRegistry from "../src/Layers/KubernetesRegistry.ts"
import { type Instance, Registry } from "../src/Registry.ts"
import * as Kubernetes from "./kubernetes/server.ts"
import * as Process from "./servers/process.ts"
import { awaitList, ids, instance } from "./suites/registry.ts"
import * as Certificates from "./tls/certificates.ts"

const namespace = "shop"

const pod = (name: string, address: string, more: object = {}) => ({
  addresses: [address],
  conditions: { ready: true },
  targetRef: { kind: "Pod", name },
  ...more
})

/** A slice of `orders` with these pods. */
const orders = (name: string, ...endpoints: ReadonlyArray<object>): Kubernetes.Slice => ({
  name,
  service: "orders",
  endpoints
})

const follow = Effect.fnUntraced(function*(registry: Registry["Service"]) {
  const lists = yield* Queue.unbounded<ReadonlyArray<Instance>>()
  yield* Effect.forkScoped(Stream.runForEach(registry.watch("orders"), (list) => Queue.offer(lists, list)))
  return Queue.take(lists).pipe(Effect.map((list) => ids(list).join()), Effect.timeout("20 seconds"), Effect.orDie)
})

/** A server without slices of `orders` that a registry watches, and the lists after that. */
const watched = Effect.gen(function*() {
  const server = yield* Kubernetes.open()
  const registry = yield* KubernetesRegistry.make({ address: server.url, namespace })
  const next = yield* follow(registry)
  assert.strictEqual(yield* next, "")
  yield* server.awaited
  return { server, next }
})

/** How often slices of `orders` were listed. */
const listed = ({ requests }: Kubernetes.Server): number =>
  requests.filter((request) => request.includes("orders") && !request.includes("watch=1")).length

describe("KubernetesRegistry", () => {
  it.live("lists endpoints that are ready, of all slices of the service, each pod once", () =>
    Effect.gen(function*() {
      const server = yield* Kubernetes.open()
      yield* server.put(orders(
        "orders-a",
        pod("one", "10.0.0.7", { zone: "z1", nodeName: "n1" }),
        pod("two", "10.0.0.8", { conditions: { ready: false, serving: true, terminating: true } }),
        { addresses: ["10.0.0.9"] }
      ))
      yield* server.put({ ...orders("orders-6", pod("one", "fd00::7"), pod("six", "fd00::8")), addressType: "IPv6" })
      yield* server.put({ ...orders("users-a", pod("nobody", "10.0.0.1")), service: "users" })
      const registry = yield* KubernetesRegistry.make({ address: server.url, namespace })
      const list = yield* awaitList(registry.watch("orders"), () => true)
      assert.deepStrictEqual(list.map(({ address, id, metadata }) => [id, address, metadata]), [
        ["10.0.0.9", "micro://10.0.0.9:4000", {}],
        ["one", "micro://10.0.0.7:4000", { zone: "z1", node: "n1" }],
        ["six", "micro://[fd00::8]:4000", {}]
      ])
      assert.deepStrictEqual(yield* awaitList(registry.services, () => true), ["orders", "users"])
    }))

  it.live("calls the port of that name or number, and nobody who has none", () =>
    Effect.gen(function*() {
      const server = yield* Kubernetes.open()
      const ports = [{ name: "web", port: 80 }, { name: "rpc", port: 4000 }]
      yield* server.put({ ...orders("orders-a", pod("one", "10.0.0.7")), ports })
      yield* server.put({ ...orders("orders-b", pod("two", "10.0.0.8")), ports: [{ name: null, port: null }] })
      const addresses = Effect.fnUntraced(function*(options: KubernetesRegistry.Options) {
        const registry = yield* KubernetesRegistry.make({ address: server.url, namespace, ...options })
        return (yield* awaitList(registry.watch("orders"), () => true)).map(({ address }) => address)
      })
      assert.deepStrictEqual(yield* addresses({ port: "rpc" }), ["micro://10.0.0.7:4000"])
      assert.deepStrictEqual(yield* addresses({ scheme: "http" }), ["http://10.0.0.7:80"])
      assert.deepStrictEqual(yield* addresses({ port: 9 }), ["micro://10.0.0.7:9", "micro://10.0.0.8:9"])
    }))

  it.live(
    "follows slices as they come, change and go, and does not list them again after a watch has ended",
    () =>
      Effect.gen(function*() {
        const { next, server } = yield* watched
        yield* server.put(orders("orders-a", pod("one", "10.0.0.7")))
        assert.strictEqual(yield* next, "one")
        yield* server.put(orders("orders-b", pod("two", "10.0.0.8")))
        assert.strictEqual(yield* next, "one,two")
        yield* server.end("well")
        // Between two watches nothing is lost.
        yield* server.put(orders("orders-a", pod("one", "10.0.0.7"), pod("three", "10.0.0.9")))
        assert.strictEqual(yield* next, "one,three,two")
        yield* server.remove("orders-b")
        assert.strictEqual(yield* next, "one,three")
        assert.strictEqual(listed(server), 1)
      }),
    30_000
  )

  it.live(
    "goes on from the version of a bookmark, though older ones are not kept any more",
    () =>
      Effect.gen(function*() {
        const { next, server } = yield* watched
        yield* server.bookmark
        yield* server.compact
        yield* server.end("well")
        yield* server.awaited
        yield* server.put(orders("orders-a", pod("one", "10.0.0.7")))
        assert.strictEqual(yield* next, "one")
        assert.strictEqual(listed(server), 1)
      }),
    30_000
  )

  it.live("lists again where its version is too old, and where the connection broke", () =>
    Effect.gen(function*() {
      const { next, server } = yield* watched
      yield* server.end("well")
      yield* server.put(orders("orders-a", pod("one", "10.0.0.7")))
      yield* server.compact
      assert.strictEqual(yield* next, "one")
      assert.strictEqual(listed(server), 2)
      yield* server.awaited
      yield* server.end("broken")
      yield* server.put(orders("orders-b", pod("two", "10.0.0.8")))
      assert.strictEqual(yield* next, "one,two")
    }), 30_000)

  it.live(
    "reads its token again for each request, trusts the cluster's authority only, and keeps its list while refused",
    () =>
      Effect.gen(function*() {
        const { ca, cert, key } = Certificates.local()
        const server = yield* Kubernetes.open({ cert, key })
        const file = path.join(yield* Process.folder, "token")
        fs.writeFileSync(file, "first\n")
        yield* server.expect("first")
        yield* server.put(orders("orders-a", pod("one", "10.0.0.7")))
        const options: KubernetesRegistry.Options = { namespace, token: { file }, tls: { ca } }
        const { hostname, port } = new URL(server.url)
        const layer = KubernetesRegistry.layerConfig(options).pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
            KUBERNETES_SERVICE_HOST: hostname,
            KUBERNETES_SERVICE_PORT: port
          })))
        )
        const proof = Effect.gen(function*() {
          const registry = yield* Registry
          const next = yield* follow(registry)
          assert.strictEqual(yield* next, "one")
          yield* server.awaited
          yield* server.expect("second")
          yield* server.end("broken")
          const refused = yield* Effect.flip(Stream.runHead(registry.watch("users")))
          assert.include(refused.message, "401")
          assert.deepStrictEqual(ids(yield* awaitList(registry.watch("orders"), () => true)), ["one"])
          yield* server.put(orders("orders-b", pod("two", "10.0.0.8")))
          fs.writeFileSync(file, "second\n")
          assert.strictEqual(yield* next, "one,two")
        })
        yield* Effect.provide(proof, layer)
        const wary = yield* KubernetesRegistry.make({
          ...options,
          address: server.url,
          tls: { ca: Certificates.authority("Theirs").cert }
        })
        const error = yield* Effect.flip(Stream.runHead(wary.watch("orders")))
        assert.include(error.message, "was not reached")
      }),
    30_000
  )

  it.live("lets a pod start that Kubernetes announces, and says what it may not read", () =>
    Effect.gen(function*() {
      const server = yield* Kubernetes.open()
      const registry = yield* KubernetesRegistry.make({ address: server.url, namespace: "elsewhere" })
      yield* registry.register(instance("one"))
      const error = yield* Effect.flip(Stream.runHead(registry.watch("orders")))
      assert.include(error.message, "403")
    }))

  it.live("says which file is missing outside of a cluster", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(KubernetesRegistry.make()))
      assert.include(error.message, "/var/run/secrets/kubernetes.io/serviceaccount/namespace")
    }))
})
