/** Many replies to one request of HTTP/1.1: as lines of JSON, and as events. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Codec from "../../src/Codec.ts"
import * as Contract from "../../src/Contract.ts"
import * as BytesCodec from "../../src/Layers/BytesCodec.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as JsonCodec from "../../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { NetworkRpcLive } from "../../src/Layers/NetworkRpc.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import * as TextCodec from "../../src/Layers/TextCodec.ts"
import { Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import { type Exchange, failure, type Reply } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes } from "../suites/exchanges.ts"
import type { Raw } from "./sockets.ts"
import { dial, serve } from "./sockets.ts"

const ndjson = "application/x-ndjson"
const sse = "text/event-stream"

class Sunk extends Schema.TaggedError<Sunk>()("Sunk", { at: Schema.Int }) {}

const Place = Schema.Struct({ from: Schema.Int, to: Schema.Int })

class Ships extends Contract.Service<Ships>()("ships", {
  follow: Contract.method({ payload: Place, success: Contract.stream(Schema.Int), error: Sunk, idempotent: true }),
  all: Contract.method({ success: Contract.stream(Schema.String), idempotent: true }),
  waves: Contract.method({ success: Contract.stream(Schema.Void), idempotent: true }),
  load: Contract.method({ payload: Place, success: Contract.stream(Schema.Int) }),
  name: Contract.method({ payload: Schema.String, success: Schema.String, idempotent: true })
}) {}

const handlers: Contract.Procedures<typeof Ships["methods"]> = {
  follow: ({ from, to }) =>
    Stream.concat(
      Stream.range(from, Math.min(to, 99)),
      to === 100 ? Stream.fail(new Sunk({ at: 100 })) : to > 100 ? Stream.die(new Error("a bug")) : Stream.empty
    ),
  all: () => Stream.make("Ærø", "two\nlines"),
  waves: () => Stream.make(undefined, undefined),
  load: ({ from, to }) => Stream.range(from, to),
  name: (name) => Effect.succeed(`MS ${name}`)
}

const network = (codec: Layer.Layer<Codec.Codec>) =>
  NetworkRpcLive.pipe(
    Layer.provide([codec, RandomSelectorLive, HttpTransport.layer({ host: "127.0.0.1" })]),
    Layer.provideMerge(MemoryRegistryLive)
  )

const usual = network(Codec.layer(JsonCodec.format()))

interface Answer {
  readonly status: number
  readonly type: string | null
  readonly body: string
  readonly headers: Headers
}

/** Serves `ships`, and asks it. */
const served = Effect.gen(function*() {
  yield* Layer.build(Rpc.layerServer(Ships, handlers))
  const instances = Option.getOrThrow(yield* Stream.runHead((yield* Registry).watch("ships")))
  const { port } = new URL(instances[0].address)
  return (path: string, init: RequestInit): Effect.Effect<Answer> =>
    Effect.promise(() =>
      fetch(`http://127.0.0.1:${port}/ships/${path}`, init).then((answer) =>
        answer.text().then((body) => ({
          status: answer.status,
          type: answer.headers.get("content-type"),
          body,
          headers: answer.headers
        }))
      )
    )
})

const posting = (accept: string, body: string, type = "application/json"): RequestInit => ({
  method: "POST",
  headers: { accept, "content-type": type },
  body
})

const getting = (accept: string): RequestInit => ({ headers: { accept } })

const query = (from: number, to: number): string => `?payload=${encodeURIComponent(JSON.stringify({ from, to }))}`

describe("a stream as lines", () => {
  it.live("has a line for each reply, and ends", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const answer = yield* ask("follow", posting(ndjson, "{\"from\":1,\"to\":3}"))
      assert.deepInclude(answer, { status: 200, type: ndjson, body: "1\n2\n3\n" })
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      assert.strictEqual((yield* ask("all", posting(ndjson, ""))).body, "\"Ærø\"\n\"two\\nlines\"\n")
      assert.strictEqual((yield* ask("waves", posting(ndjson, ""))).body, "null\nnull\n")
      assert.deepInclude(yield* ask("follow", posting(ndjson, "{\"from\":3,\"to\":1}")), { status: 200, body: "" })
    }).pipe(Effect.provide(usual)))

  it.live("ends with the failure, declared or not", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const declared = yield* ask("follow", posting(ndjson, "{\"from\":99,\"to\":100}"))
      assert.deepInclude(declared, {
        status: 200,
        body: "99\n{\"error\":{\"status\":\"Error\",\"value\":{\"_tag\":\"Sunk\",\"at\":100}}}\n"
      })
      const died = yield* ask("follow", posting(ndjson, "{\"from\":99,\"to\":101}"))
      assert.strictEqual(died.body, "99\n{\"error\":{\"status\":\"Defect\",\"message\":\"a bug\"}}\n")
    }).pipe(Effect.provide(usual)))

  it.live("has the status of a failure that comes before the first reply", () =>
    Effect.gen(function*() {
      const ask = yield* served
      assert.deepInclude(yield* ask("follow", posting(ndjson, "{\"from\":100,\"to\":100}")), {
        status: 422,
        type: "application/json",
        body: "{\"_tag\":\"Sunk\",\"at\":100}"
      })
      assert.strictEqual((yield* ask("follow", posting(ndjson, "{\"from\":101,\"to\":101}"))).status, 500)
      assert.strictEqual((yield* ask("follow", posting(ndjson, "[]"))).status, 400)
      assert.strictEqual((yield* ask("sink", posting(ndjson, ""))).status, 404)
    }).pipe(Effect.provide(usual)))

  it.live("has one line where the method has one reply", () =>
    Effect.gen(function*() {
      const ask = yield* served
      assert.deepInclude(yield* ask("name", posting(ndjson, "\"Ida\"")), { type: ndjson, body: "\"MS Ida\"\n" })
    }).pipe(Effect.provide(usual)))
})

describe("a stream as events", () => {
  it.live("has an event for each reply, and one that says that it ends", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const answer = yield* ask("follow", posting(sse, "{\"from\":1,\"to\":2}"))
      assert.deepInclude(answer, {
        status: 200,
        type: sse,
        body: "data: 1\n\ndata: 2\n\nevent: end\nid: end\ndata: {}\n\n"
      })
    }).pipe(Effect.provide(usual)))

  it.live("tells the failures of a handler, which a page does not see otherwise, as events", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const sunk = yield* ask("follow", posting(sse, "{\"from\":100,\"to\":100}"))
      const value = "{\"status\":\"Error\",\"value\":{\"_tag\":\"Sunk\",\"at\":100}}"
      assert.deepInclude(sunk, { status: 200, body: `event: error\nid: end\ndata: ${value}\n\n` })
      assert.strictEqual((yield* ask("follow", posting(sse, "[]"))).status, 400)
      assert.strictEqual((yield* ask("sink", posting(sse, ""))).status, 404)
    }).pipe(Effect.provide(usual)))

  it.live("has nothing to add for a browser that comes back behind the last one", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const headers = { accept: sse, "last-event-id": "end" }
      assert.deepInclude(yield* ask(`follow${query(1, 2)}`, { headers }), { status: 204, body: "" })
    }).pipe(Effect.provide(usual)))
})

describe("a GET", () => {
  it.live("follows a stream of an idempotent method, with the payload in its query", () =>
    Effect.gen(function*() {
      const ask = yield* served
      assert.strictEqual((yield* ask(`follow${query(1, 2)}`, getting(ndjson))).body, "1\n2\n")
      assert.include((yield* ask(`follow${query(1, 1)}`, getting(sse))).body, "data: 1\n\nevent: end")
      assert.include((yield* ask("all", getting(sse))).body, "data: \"two\\nlines\"")
      assert.strictEqual((yield* ask("follow?payload=%7B", getting(sse))).status, 400)
      assert.strictEqual((yield* ask("follow", getting(sse))).status, 400)
    }).pipe(Effect.provide(usual)))

  it.live("calls nothing else, and says why", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const refused: ReadonlyArray<readonly [string, string, number]> = [
        [`load${query(1, 2)}`, sse, 405],
        ["name?payload=%22Ida%22", sse, 405],
        [`follow${query(1, 2)}`, "*/*", 405],
        [`follow${query(1, 2)}`, "text/html, */*;q=0.8", 405]
      ]
      for (const [path, accept, status] of refused) {
        const answer = yield* ask(path, getting(accept))
        assert.deepInclude(answer, { status, type: "application/json" }, path)
        assert.strictEqual(answer.headers.get("allow"), "POST")
        assert.include(answer.body, "POST")
      }
      const page = { headers: { accept: sse, "sec-fetch-site": "cross-site" } }
      assert.strictEqual((yield* ask(`follow${query(1, 2)}`, page)).status, 403)
    }).pipe(Effect.provide(usual)))
})

describe("what is accepted", () => {
  it.live("has room for a stream, or the call is refused", () =>
    Effect.gen(function*() {
      const ask = yield* served
      for (
        const accept of ["*/*", "application/json", "text/*", `${ndjson};q=0`, `${ndjson};q=0.5, application/json`]
      ) {
        const answer = yield* ask("follow", posting(accept, "{\"from\":1,\"to\":2}"))
        assert.strictEqual(answer.status, 406, accept)
        assert.include(answer.body, "Ships.follow has many replies: Accept application/x-ndjson or text/event-stream")
      }
    }).pipe(Effect.provide(usual)))

  it.live("chooses between the two by weight", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const cases = [
        [`${ndjson}, ${sse};q=0.9`, ndjson],
        [`${sse}, ${ndjson}`, sse],
        [`application/json, ${ndjson}`, ndjson],
        [`${ndjson.toUpperCase()}; charset=utf-8, */*;q=0.1`, ndjson]
      ] as const
      for (const [accept, type] of cases) {
        assert.deepInclude(
          yield* ask("follow", posting(accept, "{\"from\":1,\"to\":2}")),
          { status: 200, type },
          accept
        )
      }
    }).pipe(Effect.provide(usual)))

  it.live("is written as JSON, whatever the call is written in", () =>
    Effect.gen(function*() {
      const ask = yield* served
      const answer = yield* ask("name", posting(ndjson, "Ida", "text/plain"))
      assert.deepInclude(answer, { status: 200, body: "\"MS Ida\"\n" })
    }).pipe(Effect.provide(network(Codec.layer(JsonCodec.format(), TextCodec.format())))))

  it.live("is refused where no JSON is spoken", () =>
    Effect.gen(function*() {
      class Raws extends Contract.Service<Raws>()("ships", {
        all: Contract.method({
          payload: Schema.Uint8Array,
          success: Contract.stream(Schema.Uint8Array),
          error: Schema.Uint8Array
        })
      }) {}
      yield* Layer.build(Rpc.layerServer(Raws, { all: () => Stream.empty }))
      const instances = Option.getOrThrow(yield* Stream.runHead((yield* Registry).watch("ships")))
      const init = posting(ndjson, "x", "application/octet-stream")
      const url = `http://127.0.0.1:${new URL(instances[0].address).port}/ships/all`
      assert.strictEqual((yield* Effect.promise(() => fetch(url, init))).status, 406)
    }).pipe(Effect.provide(network(Codec.layer(BytesCodec.format())))))
})

interface Reading {
  readonly socket: Raw["socket"]
  /** All that has come once it holds a text, or once the connection has closed. */
  readonly until: (text?: string) => Effect.Effect<string>
}

/** Asks for a stream over a connection of its own. */
const follow = (port: number, accept: string, more = ""): Effect.Effect<Reading, never, Scope.Scope> =>
  Effect.map(dial(port), ({ socket, write }) => {
    let read = ""
    socket.on("data", (chunk: string) => {
      read += chunk
    })
    write(`POST /ships/follow HTTP/1.1\r\nHost: h\r\nAccept: ${accept}\r\n${more}Content-Length: 0\r\n\r\n`)
    const until = (text?: string) =>
      Effect.callback<string>((resume) => {
        const look = () => {
          if (socket.closed || (text !== undefined && read.includes(text))) resume(Effect.succeed(read))
        }
        socket.on("data", look)
        socket.on("close", look)
        look()
      })
    return { socket, until }
  })

const saying = (replies: Stream.Stream<Reply>): Exchange => Exchanges.fromStream(() => replies)

describe("a stream over a connection", () => {
  it.live("keeps each reply on its line, whatever JSON it is", () =>
    Effect.gen(function*() {
      const replies = [bytes("{\r\n  \"a\": 1\n}"), bytes("2"), failure("Error", "[\n]")]
      const { port } = yield* serve({ ships: saying(Stream.fromIterable(replies)) })
      const client = yield* follow(port, ndjson, "Connection: close\r\n")
      const read = yield* client.until()
      assert.include(read, "{    \"a\": 1 }\n2\n{\"error\":{\"status\":\"Error\",\"value\":[ ]}}\n")
    }))

  it.live("interrupts the handler when the client goes away", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const { port } = yield* serve({ ships: exchange })
      for (const accept of [ndjson, sse]) {
        const client = yield* follow(port, accept)
        yield* Deferred.await(started)
        client.socket.destroy()
        yield* Deferred.await(interrupted)
      }
    }))

  it.live("stops a handler whose replies are not read, and goes on when they are", () =>
    Effect.gen(function*() {
      const endless = Exchanges.endless(64 * 1024)
      const { port } = yield* serve({ ships: saying(endless.replies), other: Exchanges.echo })
      const slow = yield* follow(port, ndjson)
      slow.socket.pause()
      const other = yield* dial(port)
      const turn = Effect.suspend(() => {
        other.write("POST /other/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        return other.message
      })
      const settled = Effect.gen(function*() {
        for (let quiet = 0, last = -1; quiet < 100; quiet = last === endless.count() ? quiet + 1 : 0) {
          last = endless.count()
          yield* turn
          // What the system holds for a connection has a bound of its own, of some megabytes.
          assert.isBelow(last * 64 * 1024, 64 * 1024 * 1024)
        }
        return endless.count()
      })
      const before = yield* settled
      assert.isAbove(before, 0)
      slow.socket.resume()
      while (endless.count() < before + 100) yield* turn
    }), 30_000)

  it.live("is cut off, and no whole one, when its service leaves", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const replies = Stream.concat(Stream.succeed(bytes("1")), exchange.stream({} as never, bytes("")))
      const { lane, port } = yield* serve({ ships: saying(replies) })
      const client = yield* follow(port, ndjson)
      yield* Deferred.await(started)
      lane.evict("ships")
      yield* Deferred.await(interrupted)
      const read = yield* client.until()
      assert.include(read, "Transfer-Encoding: chunked")
      assert.notInclude(read, "\r\n0\r\n\r\n")
    }))

  it.effect("begins after a second without a reply, and shows every 15 seconds that it lives where it can", () =>
    Effect.gen(function*() {
      const { exchange, started } = yield* Exchanges.hanging
      const { port } = yield* serve({ ships: exchange })
      const client = yield* follow(port, sse)
      yield* Deferred.await(started)
      yield* TestClock.adjust("2 seconds")
      assert.include(yield* client.until("\r\n\r\n"), sse)
      yield* TestClock.adjust("16 seconds")
      yield* client.until(":\n\n")
    }))

  it.effect("ends at the deadline, with a status or behind what has been said", () =>
    Effect.gen(function*() {
      const early = yield* Exchanges.hanging
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const late = Stream.concat(Stream.succeed(bytes("1")), exchange.stream({} as never, bytes("")))
      const ports = [(yield* serve({ ships: early.exchange })).port, (yield* serve({ ships: saying(late) })).port]
      const limit = "Timeout: 500000000\r\nConnection: close\r\n"
      const [silent, begun] = yield* Effect.forEach(ports, (port) => follow(port, ndjson, limit))
      yield* Deferred.await(early.started)
      yield* Deferred.await(started)
      yield* TestClock.adjust("1 second")
      const failed =
        "{\"error\":{\"status\":\"DeadlineExceeded\",\"message\":\"The deadline of ships/follow has passed\"}}"
      const [status, ...answer] = (yield* silent.until()).split("\r\n")
      assert.strictEqual(status, "HTTP/1.1 504 Gateway Timeout")
      assert.strictEqual(answer.at(-1), failed)
      assert.isTrue((yield* begun.until()).endsWith(`2\r\n1\n\r\n5c\r\n${failed}\n\r\n0\r\n\r\n`))
      yield* Deferred.await(early.interrupted)
      yield* Deferred.await(interrupted)
    }))
})
