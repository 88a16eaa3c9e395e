/** Streams of replies that a client of ours reads over plain HTTP. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import * as FeedReader from "../../src/internal/http/feedReader.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { NetworkRpcLive } from "../../src/Layers/NetworkRpc.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import * as StaticRegistry from "../../src/Layers/StaticRegistry.ts"
import { Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import { type Connection, failure, isFailure, type Reply, type TransportError } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, connect, listen, serve, text } from "./sockets.ts"

const shown = (reply: Reply): string => isFailure(reply) ? `${reply.status}: ${text(reply)}` : text(reply)

/** What comes of a call, and how it ends where that is not well. */
const followed = (
  connection: Connection,
  more: Parameters<typeof call>[1] = {}
): Effect.Effect<ReadonlyArray<string>> =>
  Effect.suspend(() => {
    const seen: Array<string> = []
    return connection.stream(call("follow", more), bytes("1")).pipe(
      Stream.runForEach((reply) => Effect.sync(() => seen.push(shown(reply)))),
      Effect.catch(({ reason }: TransportError) => Effect.sync(() => seen.push(reason._tag))),
      Effect.as(seen)
    )
  })

const saying = (...replies: ReadonlyArray<Reply>) => Exchanges.fromStream(() => Stream.fromIterable(replies))

/** What a client makes of a server that answers a request with these bytes, and then goes away. */
const answered = (answer: string) =>
  Effect.gen(function*() {
    const url = yield* listen(({ message, socket }) =>
      Effect.runFork(Effect.map(message, () => socket.end(answer.replaceAll("\n", "\r\n").replaceAll("|", "\n"))))
    )
    return yield* followed(yield* connect(url))
  })

const head = "HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n"

describe("a stream of replies over plain HTTP", () => {
  it.live("comes reply by reply, and ends", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ orders: saying(bytes("1"), bytes("\"ü\""), bytes("{ \"a\":\n3}")) })
      assert.deepStrictEqual(yield* followed(yield* connect(url)), ["1", "\"ü\"", "{ \"a\": 3}"])
      const none = yield* serve({ orders: saying() })
      assert.deepStrictEqual(yield* followed(yield* connect(none.url)), [])
    }))

  it.live("ends with whatever failure, before the first reply or behind it", () =>
    Effect.gen(function*() {
      for (const status of Exchanges.statuses) {
        const failed = status === "Error" ? "{\"n\":12345678901234567890}" : "this is why"
        const reply = failure(status, failed)
        const early = yield* serve({ orders: saying(reply) })
        assert.deepStrictEqual(yield* followed(yield* connect(early.url)), [`${status}: ${failed}`])
        const late = yield* serve({ orders: saying(bytes("1"), reply) })
        assert.deepStrictEqual(yield* followed(yield* connect(late.url)), ["1", `${status}: ${failed}`])
      }
    }))

  it.live("says when to come back, to whom comes too often", () =>
    Effect.gen(function*() {
      const cases = [[[], 1500], [[bytes("1")], 1500], [[bytes("1")], Infinity]] as const
      for (const [replies, retryAfter] of cases) {
        const { url } = yield* serve({ orders: saying(...replies, failure("Overloaded", "busy", retryAfter)) })
        const connection = yield* connect(url)
        const last = yield* Stream.runLast(connection.stream(call("follow"), bytes("")))
        assert.deepInclude(Option.getOrThrow(last), { status: "Overloaded", retryAfter })
      }
    }))

  it.live("is lost where it breaks, or ends without saying so", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* answered(`${head}data: 1||`), ["1", "ConnectionLost"])
      assert.deepStrictEqual(yield* answered(`${head}data: 1||data: 2`), ["1", "ConnectionLost"])
      const chunked = "HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n9\ndata: 1||\n"
      assert.deepStrictEqual(yield* answered(`${chunked}0\n\n`), ["1", "ConnectionLost"])
      assert.deepStrictEqual((yield* answered(chunked)).at(-1), "ConnectionLost")
    }))

  it.live("is none where the answer is something else", () =>
    Effect.gen(function*() {
      const json = yield* answered("HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 2\n\n{}")
      assert.deepStrictEqual(json, ["Malformed: Answered in application/json instead of text/event-stream: {}"])
      const page = yield* answered("HTTP/1.1 404 Not Found\nContent-Type: text/html\nContent-Length: 4\n\nnope")
      assert.deepStrictEqual(page, ["Unimplemented: Answered with HTTP status 404: nope"])
      assert.deepStrictEqual(yield* answered(""), ["ConnectionLost"])
    }))

  it.live("passes by what it does not know, and takes a failure that is not ours for a defect", () =>
    Effect.gen(function*() {
      const strange = `${head}:|retry: 9|id: 1|data: 1||event: other|data: 2||event: error|data: what?||`
      assert.deepStrictEqual(yield* answered(strange), ["1", "2", "Defect: what?"])
    }))

  it.live("interrupts the handler when nobody wants more of it, at either end", () =>
    Effect.gen(function*() {
      const { exchange, interrupted } = yield* Exchanges.hanging
      const more = exchange.stream({} as never, bytes(""))
      const { url } = yield* serve({
        orders: Exchanges.fromStream(() => Stream.concat(Stream.succeed(bytes("1")), more))
      })
      const connection = yield* connect(url)
      const taken = yield* Stream.runCollect(Stream.take(connection.stream(call("follow"), bytes("")), 1))
      assert.deepStrictEqual(taken.map(shown), ["1"])
      yield* Deferred.await(interrupted)
    }))

  it.live("ends at its deadline, though nothing is heard of the server", () =>
    Effect.gen(function*() {
      const url = yield* listen(() => undefined)
      const expired = ["DeadlineExceeded: The deadline of orders/follow has passed"]
      assert.deepStrictEqual(yield* followed(yield* connect(url), { timeout: 20 }), expired)
    }))

  it.live("stops a handler whose replies are not read, and goes on when they are", () =>
    Effect.gen(function*() {
      const endless = Exchanges.endless(64 * 1024)
      const { url } = yield* serve({ orders: Exchanges.fromStream(() => endless.replies), other: Exchanges.echo })
      const connection = yield* connect(url)
      const turn = connection.unary(call("echo", { service: "other" }), bytes("1"))
      const size = 64 * 1024
      let quiet = 0
      const settled = Effect.gen(function*() {
        for (let last = -1; quiet < 100; quiet = last === endless.count() ? quiet + 1 : 0) {
          last = endless.count()
          yield* turn
          // What the system holds for a connection has a bound of its own, of some megabytes.
          assert.isBelow(last * size, 64 * 1024 * 1024)
        }
      })
      yield* connection.stream(call("follow"), bytes("")).pipe(
        Stream.rechunk(1),
        Stream.tap(() => quiet < 100 ? settled : Effect.void),
        Stream.take(1000),
        Stream.runDrain
      )
      assert.isAtLeast(endless.count(), 1000)
    }), 30_000)

  it.live("bounds a reply, which fails its own call alone", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ orders: saying(bytes("1"), bytes("2".repeat(2000)), bytes("3")) })
      const connection = yield* connect(url, { maxMessage: 1000 })
      const failed = ["1", "Malformed: A reply is over the limit of 1000 bytes"]
      assert.deepStrictEqual(yield* followed(connection), failed)
      assert.deepStrictEqual(yield* followed(connection), failed)
    }))

  it("is read the same however its bytes are cut", () => {
    const whole = Buffer.from(
      ":\n\ndata: 1\n\ndata: \"ü\"\n\nevent: error\nid: end\ndata: {\"status\":\"Error\",\"value\":[]}\n\n"
    )
    for (let size = 1; size <= whole.length; size++) {
      const reader = FeedReader.make(100)
      const replies: Array<Reply> = []
      for (let from = 0; from < whole.length; from += size) {
        assert.isFalse(reader.isOver())
        replies.push(...reader.read(whole.subarray(from, from + size)))
      }
      assert.isTrue(reader.isOver())
      assert.deepStrictEqual(replies.map(shown), ["1", "\"ü\"", "Error: []"])
    }
  })
})

class Ticker extends Contract.Service<Ticker>()("ticker", {
  count: Contract.method({ payload: Schema.Int, success: Contract.stream(Schema.Int) })
}) {}

describe("a client of an http:// address", () => {
  it.live("calls a method with many replies as any other", () =>
    Effect.gen(function*() {
      const network = NetworkRpcLive.pipe(
        Layer.provide([JsonCodecLive, RandomSelectorLive, HttpTransport.layer({ host: "127.0.0.1" })])
      )
      const served = yield* Layer.build(
        Rpc.layerServer(Ticker, { count: (to) => Stream.range(1, to) }).pipe(
          Layer.provide(network),
          Layer.provideMerge(MemoryRegistryLive)
        )
      )
      const registry = yield* Effect.provide(Registry, served)
      const [{ address }] = Option.getOrThrow(yield* Stream.runHead(registry.watch("ticker")))
      const client = Rpc.layerClient(Ticker).pipe(
        Layer.provide(network),
        Layer.provide(StaticRegistry.layer({ ticker: [address.replace("micro:", "http:")] }))
      )
      const counted = Effect.flatMap(Ticker, (ticker) => Stream.runCollect(ticker.count(3)))
      assert.deepStrictEqual(yield* Effect.provide(counted, client), [1, 2, 3])
    }))
})
