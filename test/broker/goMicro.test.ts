import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Broker from "../../src/Broker.ts"
import * as GoMicro from "../../src/internal/broker/http/goMicro.ts"
import * as HttpBroker from "../../src/Layers/HttpBroker.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import type { Received } from "../../src/Message.ts"
import { Instance, Registry } from "../../src/Registry.ts"
import { listen, message, words } from "../suites/broker.ts"
import * as GoProcess from "./goProcess.ts"

const live = (options?: HttpBroker.Options) =>
  HttpBroker.layer(options).pipe(
    Layer.provideMerge(Layer.merge(
      Layer.provideMerge(RandomSelectorLive, MemoryRegistryLive),
      HttpTransport.layer({ host: "127.0.0.1" })
    )),
    Layer.merge(JsonCodecLive),
    Layer.merge(Layer.succeed(References.MinimumLogLevel, "None"))
  )

/** The subscriptions that a service has, once there are so many. */
const registered = (service: string, count: number) =>
  Effect.flatMap(Registry, (registry) =>
    registry.watch(service).pipe(
      Stream.filter((list) => list.length === count),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption),
      Effect.orDie
    ))

/** What Go Micro v6 and v1.18 were seen to post: the header's names are as their clients write them. */
const fromGo = (body: string, topic: Readonly<Record<string, string>>) =>
  JSON.stringify({ Header: { "Content-Type": "application/json", "Micro-Id": "7", ...topic }, Body: btoa(body) })

const post = ({ address, id }: Instance, path: string, body: string) =>
  Effect.promise(async () => {
    const url = `${address.replace("micro:", "http:")}${path}?id=${id}`
    const response = await fetch(url, { method: "POST", body, headers: { "content-type": "application/json" } })
    return [response.status, await response.text()] as const
  })

/** A subscriber as Go Micro runs one: an HTTP server, and what it was sent. */
const subscriber = (status: number) =>
  Effect.gen(function*() {
    const requests = yield* Queue.unbounded<readonly [line: string, body: string]>()
    const server = Http.createServer((request, response) => {
      const parts: Array<Buffer> = []
      request.on("data", (part: Buffer) => parts.push(part))
      request.on("end", () => {
        Queue.offerUnsafe(requests, [
          `${request.method} ${request.url} ${request.headers["content-type"]}`,
          Buffer.concat(parts).toString()
        ])
        response.writeHead(status).end()
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () => Effect.sync(() => server.close())
    )
    return { port: (server.address() as AddressInfo).port, requests }
  })

const instance = (port: number, id: string, version = "ff.http.broadcast", service = "micro.http.broker") =>
  new Instance({
    id,
    service,
    version,
    address: `http://127.0.0.1:${port}`,
    metadata: { broker: "http", topic: "a", secure: "false" },
    endpoints: []
  })

/** Publishes once the registry has told of who listens. */
const publishOnce = (word: string) =>
  Effect.repeat(Effect.flatMap(Broker.Broker, (broker) => broker.publish("a", [message(word)])), {
    until: ({ acceptedBy }) => acceptedBy.length > 0
  })

describe("an event of Go Micro", () => {
  it("has the bytes that its brokers write", () => {
    const sent = { id: "7", headers: { "content-type": "application/json" }, body: new TextEncoder().encode("{}\n") }
    assert.strictEqual(
      GoMicro.write("a", sent).toString(),
      "{\"Header\":{\"Content-Type\":\"application/json\",\"Micro-Id\":\"7\",\"Micro-Topic\":\"a\",\":topic\":\"a\"},"
        + "\"Body\":\"e30K\"}"
    )
    assert.deepStrictEqual(GoMicro.read(GoMicro.write("a", sent), "?"), sent)
  })

  it("may lack what Go leaves out, and is none where it is something else", () => {
    const read = (text: string) => GoMicro.read(new TextEncoder().encode(text), "an id")
    const empty = { id: "an id", headers: { "content-type": "application/protobuf" }, body: new Uint8Array(0) }
    assert.deepStrictEqual(read("{\"Header\":null,\"Body\":null}"), empty)
    for (const text of ["", "null", "[]", "{}", "{\"Body\":1}", "{\"Header\":{\"a\":1},\"Body\":\"\"}"]) {
      assert.isUndefined(read(text), text)
    }
  })
})

describe("HttpBroker with Go Micro", () => {
  it.live("takes an event that is posted in either dialect, once for each subscription", () =>
    Effect.gen(function*() {
      const heard = yield* Queue.unbounded<readonly [string, Received]>()
      const handler = (word: string, received: Received) => Queue.offer(heard, [word, received])
      yield* Broker.subscribe(words("a"), handler)
      yield* Broker.subscribe(words("a"), handler, { group: "g" })
      const second = yield* registered("micro.http.broker", 2)
      const first = yield* registered("go.micro.http.broker", 2)
      for (const to of second) {
        assert.deepStrictEqual(yield* post(to, "/", fromGo(`"two"\n`, { "Micro-Topic": "a" })), [200, ""])
      }
      for (const to of first) {
        assert.deepStrictEqual(yield* post(to, "/_sub", fromGo(`"one"`, { ":topic": "a" })), [200, ""])
      }
      const all = yield* Queue.takeAll(heard)
      assert.deepStrictEqual(all.map(([word]) => word), ["two", "two", "one", "one"])
      const [[, { headers, id, topic }]] = all
      assert.deepStrictEqual([id, topic, headers], ["7", "a", { "content-type": "application/json" }])
    }).pipe(Effect.provide(live({ firstGoMicro: true }))))

  it.live("says what is no event, and that a subscription has gone", () =>
    Effect.gen(function*() {
      yield* listen("a")
      const [there] = yield* registered("micro.http.broker", 1)
      assert.strictEqual((yield* post(there!, "/", "{}"))[0], 400)
      const gone = new Instance({ ...there!, id: "nobody" })
      assert.strictEqual((yield* post(gone, "/", fromGo("1", {})))[0], 404)
    }).pipe(Effect.provide(live())))

  it.live("posts an event to each subscriber and to one of each queue", () =>
    Effect.gen(function*() {
      const registry = yield* Registry
      const { port, requests } = yield* subscriber(200)
      for (const [id, version] of [["a-1", undefined], ["a-2", "q"], ["a-3", "q"]] as const) {
        yield* Effect.orDie(registry.register(instance(port, id, version)))
      }
      const ours = yield* listen("a", { group: "q" })
      yield* registered("micro.http.broker", 4)
      const { acceptedBy } = yield* Effect.repeat(publishOnce("one"), {
        until: ({ acceptedBy }) => acceptedBy.length === 2
      })
      assert.deepStrictEqual(acceptedBy, ["a-1", "q"])
      const seen = yield* Queue.takeAll(requests)
      assert.isAtLeast(seen.length + (yield* Queue.size(ours)), 2)
      const [line, body] = seen.find(([line]) => line.includes("a-1"))!
      assert.strictEqual(line, "POST /?id=a-1 application/json")
      const { Body, Header } = JSON.parse(body)
      assert.strictEqual(atob(Body), `"one"`)
      assert.include(Header, { "Content-Type": "application/json", "Micro-Topic": "a", "x-origin": "till 7" })
    }).pipe(Effect.provide(live())))

  it.live("posts to subscribers of the first version where they expect it, where told to", () =>
    Effect.gen(function*() {
      const registry = yield* Registry
      const { port, requests } = yield* subscriber(200)
      const old = instance(port, "a-1", "ff.http.broadcast", "go.micro.http.broker")
      yield* Effect.orDie(registry.register(old))
      yield* publishOnce("one")
      const [line] = yield* Queue.take(requests)
      assert.strictEqual(line, "POST /_sub?id=a-1 application/json")
    }).pipe(Effect.provide(live({ firstGoMicro: true }))))

  it.live("tells the publisher of a subscriber that answers with an error", () =>
    Effect.gen(function*() {
      const registry = yield* Registry
      const { port } = yield* subscriber(500)
      yield* Effect.orDie(registry.register(instance(port, "a-1")))
      const { reason } = yield* Effect.orDie(Effect.flip(publishOnce("one")))
      assert.strictEqual(reason._tag, "Undelivered")
      assert.match(reason.message, /a-1: it answered with the status 500$/)
    }).pipe(Effect.provide(live())))

  it.live("loses none of many events that are published at once", () =>
    Effect.gen(function*() {
      const registry = yield* Registry
      const { port, requests } = yield* subscriber(200)
      yield* Effect.orDie(registry.register(instance(port, "a-1")))
      yield* publishOnce("first")
      const broker = yield* Broker.Broker
      const many = Array.from({ length: 300 }, (_, at) => message(String(at)))
      yield* Effect.forEach(many, (one) => broker.publish("a", [one]), { concurrency: "unbounded" })
      const bodies = (yield* Queue.takeAll(requests)).slice(1).map(([, body]) =>
        JSON.parse(atob(JSON.parse(body).Body))
      )
      assert.deepStrictEqual(bodies, many.map((_, at) => String(at)))
    }).pipe(Effect.provide(live())))

  describe.skipIf(GoProcess.isMissing)("v5 itself, which needs go and its modules", () => {
    it.live("publishes to us", () =>
      Effect.gen(function*() {
        const { ask } = yield* GoProcess.start
        const heard = yield* Queue.unbounded<string>()
        const received = yield* Deferred.make<Received>()
        yield* Broker.subscribe(words("a"), (word, about) =>
          Effect.andThen(Deferred.succeed(received, about), Queue.offer(heard, word)))
        const [{ address, id, metadata, version }] = yield* registered("micro.http.broker", 1) as Effect.Effect<
          readonly [Instance],
          never,
          Registry
        >
        const nodes = [{ id, address: new URL(address).host, metadata }]
        ask({ Service: { name: "micro.http.broker", version, nodes } })
        // Go Micro keeps 64 at most that it has not sent, and loses the others without a word.
        for (let event = 0; event < 60; event++) {
          ask({ Publish: "a", Header: { "Content-Type": "application/json" }, Body: JSON.stringify(`word ${event}`) })
        }
        const all = yield* Queue.takeN(heard, 60)
        assert.sameMembers(
          all,
          Array.from({ length: 60 }, (_, event) =>
            `word ${event}`)
        )
        assert.strictEqual((yield* Deferred.await(received)).headers["content-type"], "application/json")
        assert.strictEqual(yield* Queue.size(heard), 0)
      }).pipe(Effect.provide(live())))

    it.live("hears what we publish", () =>
      Effect.gen(function*() {
        const { ask, news } = yield* GoProcess.start
        ask({ Subscribe: "a" })
        const service = (yield* Queue.take(news)).registered!
        const registry = yield* Registry
        for (const { address, id, metadata } of service.nodes) {
          yield* Effect.orDie(registry.register(
            new Instance({
              id,
              service: service.name,
              version: service.version,
              address: `http://${address}`,
              metadata,
              endpoints: []
            })
          ))
        }
        yield* publishOnce("from us")
        const { body, header } = (yield* Queue.take(news)).heard!
        assert.strictEqual(body, `"from us"`)
        assert.strictEqual(header["Content-Type"], "application/json")
      }).pipe(Effect.provide(live())))
  })
})
