/** What a page in a real browser makes of the plain lane. Without the program `chromium` it is skipped. */
import { assert, describe, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { NetworkRpcLive } from "../../src/Layers/NetworkRpc.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import { Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as Chromium from "./chromium.ts"

class Nobody extends Schema.TaggedError<Nobody>()("Nobody", { name: Schema.String }) {}

class Greeter extends Contract.Service<Greeter>()("greeter", {
  hello: Contract.method({ payload: { name: Schema.String }, success: Schema.String, error: Nobody }),
  count: Contract.method({
    payload: Schema.Int,
    success: Contract.stream(Schema.Int),
    error: Nobody,
    idempotent: true
  }),
  watch: Contract.method({ success: Contract.stream(Schema.Int), idempotent: true })
}) {}

/** Serves `greeter`. Returns its address, how often handlers have run, and the end of `watch`. */
const served = (cors?: HttpTransport.CorsOptions) =>
  Effect.gen(function*() {
    let runs = 0
    const left = yield* Deferred.make<void>()
    const ran = Effect.sync(() => void runs++)
    const server = Rpc.layerServer(Greeter, {
      hello: ({ name }) =>
        Effect.andThen(ran, name === "" ? Effect.fail(new Nobody({ name })) : Effect.succeed(`Hello, ${name}`)),
      count: (to) =>
        Stream.concat(
          Stream.drain(Stream.fromEffect(ran)),
          to < 0 ? Stream.fail(new Nobody({ name: `${to}` })) : Stream.range(1, to)
        ),
      watch: () =>
        Stream.concat(Stream.succeed(1), Stream.never).pipe(Stream.ensuring(Deferred.succeed(left, undefined)))
    })
    const transport = HttpTransport.layer({ host: "127.0.0.1", cors })
    const context = yield* Layer.build(server.pipe(
      Layer.provideMerge(NetworkRpcLive.pipe(
        Layer.provide([JsonCodecLive, RandomSelectorLive, transport]),
        Layer.provideMerge(MemoryRegistryLive)
      ))
    ))
    const registry = yield* Effect.provide(Registry, context)
    const instances = Option.getOrThrow(yield* Stream.runHead(registry.watch("greeter")))
    const base = `http://127.0.0.1:${new URL(instances[0].address).port}/greeter`
    return { base, runs: () => runs, left: Deferred.await(left) }
  })

const called = `
  const response = await fetch(given.base + "/hello", {
    method: "POST",
    headers: { "Content-Type": "application/json", Timeout: "5000000000" },
    body: JSON.stringify({ name: given.name })
  })
  return [response.status, response.headers.get("Effect-Micro-Status"), await response.json()]`

const followed = `
  const source = new EventSource(given.base + "/count?payload=" + given.to)
  const seen = []
  const see = (event) => seen.push(event.type + " " + (event.data ?? ""))
  source.onmessage = see
  return await new Promise((resolve) => {
    source.addEventListener("end", (event) => {
      see(event)
      if (given.stay === undefined) resolve(seen)
    })
    source.addEventListener("error", (event) => {
      see(event)
      if (source.readyState === EventSource.CLOSED || event.data !== undefined) resolve(seen)
    })
  }).finally(() => source.close())`

const refused = `
  const failed = (promise) => promise.then((answer) => answer.type, () => "failed")
  const body = JSON.stringify({ name: "Ida" })
  const url = given.base + "/hello"
  const follow = given.base + "/count?payload=3"
  return [
    await failed(fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body })),
    await failed(fetch(url, { method: "POST", body: new Blob([body]) })),
    await failed(fetch(url, { method: "POST", mode: "no-cors", body: new Blob([body]) })),
    await failed(fetch(follow, { mode: "no-cors", headers: { Accept: "text/event-stream" } })),
    await new Promise((resolve) => {
      new EventSource(follow).onerror = ({ target }) => resolve(target.readyState)
    })
  ]`

describe.skipIf(Chromium.isMissing)("a page in Chromium", () => {
  layer(Chromium.layer, { excludeTestServices: true, timeout: "30 seconds" })((it) => {
    it.effect(
      "calls a method of another origin by fetch, and reads its reply or its declared error",
      () =>
        Effect.gen(function*() {
          const { page } = yield* Chromium.Chromium
          const { base } = yield* served({ origins: [page.origin] })
          assert.deepStrictEqual(yield* page.run(called, { base, name: "Ida" }), [200, null, "Hello, Ida"])
          assert.deepStrictEqual(yield* page.run(called, { base, name: "" }), [422, "Error", {
            _tag: "Nobody",
            name: ""
          }])
        }),
      30_000
    )

    it.effect("reads a stream as lines", () =>
      Effect.gen(function*() {
        const { page } = yield* Chromium.Chromium
        const { base } = yield* served({ origins: "*" })
        const read = `
          const headers = { "Content-Type": "application/json", Accept: "application/x-ndjson" }
          const response = await fetch(given.base + "/count", { method: "POST", headers, body: "1000" })
          let [sum, rest] = [0, ""]
          for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
            const lines = (rest + text).split("\\n")
            rest = lines.pop()
            for (const line of lines) sum += JSON.parse(line)
          }
          return sum`
        assert.strictEqual(yield* page.run(read, { base }), 500_500)
      }), 30_000)

    it.effect("follows a stream by EventSource, to its end or its failure", () =>
      Effect.gen(function*() {
        const { page } = yield* Chromium.Chromium
        const { base } = yield* served({ origins: [page.origin] })
        assert.deepStrictEqual(yield* page.run(followed, { base, to: "2" }), ["message 1", "message 2", "end {}"])
        const failure = "{\"status\":\"Error\",\"value\":{\"_tag\":\"Nobody\",\"name\":\"-1\"}}"
        assert.deepStrictEqual(yield* page.run(followed, { base, to: "-1" }), [`error ${failure}`])
      }), 30_000)

    it.effect(
      "does not make a handler run again, where it leaves its EventSource open behind the end",
      () =>
        Effect.gen(function*() {
          const { page } = yield* Chromium.Chromium
          const { base, runs } = yield* served({ origins: [page.origin] })
          const seen = yield* page.run(followed, { base, to: "1", stay: "yes" })
          // Two errors: the connection has ended, and then there is nothing to come back for.
          assert.deepStrictEqual(seen, ["message 1", "end {}", "error ", "error "])
          assert.strictEqual(runs(), 1)
        }),
      30_000
    )

    it.effect("interrupts a handler by aborting, or by closing", () =>
      Effect.gen(function*() {
        const { page } = yield* Chromium.Chromium
        const aborted = yield* served({ origins: [page.origin] })
        const abort = `
          const controller = new AbortController()
          const headers = { Accept: "application/x-ndjson" }
          const response = await fetch(given.base + "/watch", { headers, signal: controller.signal })
          await response.body.getReader().read()
          controller.abort()`
        yield* page.run(abort, { base: aborted.base })
        yield* aborted.left
        const closed = yield* served({ origins: [page.origin] })
        const close = `
          const source = new EventSource(given.base + "/watch")
          await new Promise((resolve) => { source.onmessage = resolve })
          source.close()`
        yield* page.run(close, { base: closed.base })
        yield* closed.left
      }), 30_000)

    it.effect("makes no handler run from an origin that may not call, however it asks", () =>
      Effect.gen(function*() {
        const { foreign, page } = yield* Chromium.Chromium
        const outcome = ["failed", "failed", "opaque", "opaque", 2]
        const listed = yield* served({ origins: [page.origin] })
        assert.deepStrictEqual(yield* foreign.run(refused, { base: listed.base }), outcome)
        const none = yield* served()
        assert.deepStrictEqual(yield* page.run(refused, { base: none.base }), outcome)
        assert.deepStrictEqual([listed.runs(), none.runs()], [0, 0])
      }), 30_000)
  })
})
