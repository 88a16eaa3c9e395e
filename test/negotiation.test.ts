/** Which content type a call is read in and answered in, and an event, through the whole of a server. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Broker from "../src/Broker.ts"
import * as Codec from "../src/Codec.ts"
import * as Contract from "../src/Contract.ts"
import * as BytesCodec from "../src/Layers/BytesCodec.ts"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import * as JsonCodec from "../src/Layers/JsonCodec.ts"
import { MemoryBrokerLive } from "../src/Layers/MemoryBroker.ts"
import { MemoryRegistryLive } from "../src/Layers/MemoryRegistry.ts"
import { NetworkRpcLive } from "../src/Layers/NetworkRpc.ts"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import * as TextCodec from "../src/Layers/TextCodec.ts"
import { Registry } from "../src/Registry.ts"
import * as Rpc from "../src/Rpc.ts"

class TooLong extends Schema.TaggedError<TooLong>()("TooLong", { limit: Schema.Int }) {}

class Files extends Contract.Service<Files>()("files", {
  echo: Contract.method({ payload: Schema.String, success: Schema.String, error: TooLong }),
  store: Contract.method({ payload: Schema.Uint8Array, success: Schema.Struct({ size: Schema.Int }) })
}) {}

const json = JsonCodec.format()
const codec = Codec.layer(json, BytesCodec.format(), TextCodec.format())

const network = NetworkRpcLive.pipe(
  Layer.provide([codec, RandomSelectorLive, HttpTransport.layer({ host: "127.0.0.1" })]),
  Layer.provideMerge(MemoryRegistryLive)
)

/** Serves `files`. Returns how to call it, and how often a handler of `store` has run. */
const served = Effect.gen(function*() {
  let stored = 0
  yield* Layer.build(Rpc.layerServer(Files, {
    echo: (text) => text.length > 9 ? Effect.fail(new TooLong({ limit: 9 })) : Effect.succeed(`${text}!`),
    store: (bytes) => Effect.sync(() => (stored++, { size: bytes.length }))
  }))
  const registry = yield* Registry
  const instances = Option.getOrThrow(yield* Stream.runHead(registry.watch("files")))
  const { port } = new URL(instances[0].address)
  const post = (method: string, body: string, headers: Record<string, string>) =>
    Effect.promise(() =>
      fetch(`http://127.0.0.1:${port}/files/${method}`, { method: "POST", body, headers }).then((response) =>
        response.text().then((text) => [response.status, response.headers.get("content-type"), text] as const)
      )
    )
  return { post, stored: () => stored }
})

const type = (contentType: string, accept?: string): Record<string, string> => ({
  "content-type": contentType,
  accept: accept ?? "*/*"
})

describe("Negotiation", () => {
  it.live("answers in the content type that it was asked in, whatever its parameters and case", () =>
    Effect.gen(function*() {
      const { post } = yield* served
      const [, , fromJson] = yield* post("echo", "\"a\"", type("application/json; charset=utf-8"))
      assert.strictEqual(fromJson, "\"a!\"")
      assert.deepStrictEqual(yield* post("echo", "a", type("text/plain")), [200, "text/plain", "a!"])
      const [, , fromText] = yield* post("echo", "a", type("Text/Plain; charset=\"UTF-8\""))
      assert.strictEqual(fromText, "a!")
    }).pipe(Effect.provide(network)))

  it.live("answers in the content type that is accepted, where it is another", () =>
    Effect.gen(function*() {
      const { post } = yield* served
      const cases = [
        ["text/plain", "text/plain"],
        ["text/html, text/plain;q=0.5", "text/plain"],
        ["application/json;q=0.1, text/*;q=0.2", "text/plain"],
        ["text/plain, application/json", "application/json"],
        ["text/plain;q=0, */*;q=0.1", "application/json"],
        ["application/*", "application/json"],
        ["", "application/json"],
        ["TEXT/PLAIN; charset=utf-8", "text/plain"]
      ] as const
      for (const [accept, answered] of cases) {
        const body = answered === "text/plain" ? "a!" : "\"a!\""
        assert.deepStrictEqual(
          yield* post("echo", "\"a\"", type("application/json", accept)),
          [200, answered, body],
          accept
        )
      }
    }).pipe(Effect.provide(network)))

  it.live("reads in one content type and writes in another, of a method that neither alone has a form for", () =>
    Effect.gen(function*() {
      const { post, stored } = yield* served
      const accepted = yield* post("store", "abc", type("application/octet-stream", "application/json"))
      assert.deepStrictEqual(accepted, [200, "application/json", "{\"size\":3}"])
      assert.strictEqual(stored(), 1)
    }).pipe(Effect.provide(network)))

  it.live("runs no handler whose answer it could not write", () =>
    Effect.gen(function*() {
      const { post, stored } = yield* served
      const [status, , body] = yield* post("store", "abc", type("application/octet-stream"))
      assert.strictEqual(status, 400)
      assert.include(body, "application/octet-stream has no form for the success of Files.store")
      assert.strictEqual(stored(), 0)
    }).pipe(Effect.provide(network)))

  it.live("names all that is spoken when asked in a content type that is not", () =>
    Effect.gen(function*() {
      const { post } = yield* served
      for (const contentType of ["text/xml", "text/plain; charset=latin1", `text/${"x".repeat(4000)}`]) {
        const [status, , body] = yield* post("echo", "a", type(contentType))
        assert.strictEqual(status, 400)
        assert.include(body, "application/json, application/octet-stream, text/plain are")
        assert.isBelow(body.length, 500)
      }
    }).pipe(Effect.provide(network)))

  it.live("is not acceptable where nothing that is spoken is accepted, and says what would be", () =>
    Effect.gen(function*() {
      const { post, stored } = yield* served
      for (const accept of ["text/html", "*/*;q=0", ";;,,/", "text/html,".repeat(1000)]) {
        const [status, , body] = yield* post("store", "\"YWJj\"", type("application/json", accept))
        assert.strictEqual(status, 406, accept)
        assert.include(body, "application/json, application/octet-stream, text/plain")
      }
      assert.strictEqual(stored(), 0)
    }).pipe(Effect.provide(network)))

  it.live("writes a declared error in the preferred content type where the answer's has no form for it", () =>
    Effect.gen(function*() {
      const { post } = yield* served
      assert.deepStrictEqual(
        yield* post("echo", "much too long", type("text/plain")),
        [422, "application/json", "{\"_tag\":\"TooLong\",\"limit\":9}"]
      )
    }).pipe(Effect.provide(network)))

  it.live("refuses to serve what the preferred format has no form for", () =>
    Effect.gen(function*() {
      const built = yield* Effect.exit(served)
      assert.include(String(built), "only a single value is a text by itself")
    }).pipe(Effect.provide(
      NetworkRpcLive.pipe(
        Layer.provide([
          Codec.layer(TextCodec.format(), json),
          RandomSelectorLive,
          HttpTransport.layer({ host: "127.0.0.1" })
        ]),
        Layer.provideMerge(MemoryRegistryLive)
      )
    )))

  it.live("reads events of one topic in every content type it knows", () =>
    Effect.gen(function*() {
      const topic = Broker.topic("rollout", Schema.String)
      const heard = yield* Queue.unbounded<string>()
      yield* Broker.subscribe(topic, (event) => Queue.offer(heard, event))
      yield* Broker.publish(topic, "old")
      yield* Effect.provideService(Broker.publish(topic, "new"), Codec.Codec, Codec.make(TextCodec.format(), json))
      assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["old", "new"])
    }).pipe(Effect.provide(Layer.merge(codec, MemoryBrokerLive))))
})
