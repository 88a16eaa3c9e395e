import { assert, describe, it } from "@effect/vitest"
import { Client, compressionAlgorithms, credentials, status } from "@grpc/grpc-js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http2 from "node:http2"
import { gzipSync } from "node:zlib"
import * as Framing from "../../src/internal/grpc/framing.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { type Call, type Exchange, failure } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, text } from "../suites/exchanges.ts"
import * as Peers from "./peers.ts"

/** A port of ours that serves `orders`, and a client of others. */
const pair = (exchange: Exchange, options?: HttpTransport.Options) =>
  Effect.gen(function*() {
    const transport = yield* HttpTransport.make({ host: "127.0.0.1", ...options })
    const port = Number(new URL(yield* transport.listen("orders", exchange)).port)
    return { port, client: yield* Peers.client(port) }
  })

const problem = <A>(call: Effect.Effect<A, { readonly code: number; readonly details: string }>) =>
  Effect.map(Effect.flip(call), ({ code, details }) => `${status[code]}: ${details}`)

describe("a server, to a client of gRPC", () => {
  it.live("answers by each form of the path, and tells the handler what came with the call", () =>
    Effect.gen(function*() {
      const calls: Array<Call> = []
      const { client } = yield* pair(Exchanges.fromUnary((call, message) => {
        calls.push(call)
        return Effect.succeed(message)
      }))
      for (const path of ["/orders/place", "/orders/Orders.place", "/orders.Orders/place"]) {
        const reply = yield* Peers.unary(client, path, bytes("one"), { "x-origin": "till 7" })
        assert.strictEqual(text(reply), "one")
      }
      assert.deepStrictEqual(calls.map(({ method }) => method), ["place", "Orders.place", "Orders.place"])
      assert.strictEqual(calls[0].headers["x-origin"], "till 7")
      assert.strictEqual(calls[0].contentType, "application/protobuf")
    }))

  it.live("carries many messages to many replies, and ends as one side does", () =>
    Effect.gen(function*() {
      const { client } = yield* pair(Exchanges.fromStream((call, messages) =>
        call.method === "sum"
          ? Stream.fromEffect(
            Effect.map(Stream.runCollect(Exchanges.streamed(messages)), (all) => bytes(all.map(text).join("+")))
          )
          : call.method === "count"
          ? Exchanges.numbered(1000)
          : call.method === "first"
          ? Stream.take(Exchanges.streamed(messages), 1)
          : Exchanges.streamed(messages)
      ))
      const talk = (method: string, words: ReadonlyArray<string>, ends = true) =>
        Effect.gen(function*() {
          const call = yield* Peers.bidi(client, `/orders/${method}`)
          const heard = Peers.replies(call)
          for (const word of words) call.write(bytes(word))
          if (ends) call.end()
          return (yield* heard).map(text)
        })
      assert.deepStrictEqual(yield* talk("echo", ["a", "", "c"]), ["a", "", "c"])
      assert.deepStrictEqual(yield* talk("sum", ["a", "b", "c"]), ["a+b+c"])
      assert.strictEqual((yield* talk("count", [""])).at(-1), "999")
      assert.deepStrictEqual(yield* talk("echo", []), [])
      assert.deepStrictEqual(yield* talk("first", ["a", "b"], false), ["a"])
    }))

  it.live("packs its replies for a client that packs its messages", () =>
    Effect.gen(function*() {
      const { port } = yield* pair(Exchanges.echo)
      const client = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
            "grpc.default_compression_algorithm": compressionAlgorithms.gzip
          })
        ),
        (client) => Effect.sync(() => client.close())
      )
      const large = bytes("again and ".repeat(10_000))
      assert.strictEqual(Buffer.compare(yield* Peers.unary(client, "/orders/echo", large), large), 0)
      const call = yield* Peers.bidi(client, "/orders/echo")
      for (const message of [large, bytes("short"), large]) call.write(message)
      call.end()
      assert.deepStrictEqual((yield* Peers.replies(call)).map(({ length }) => length), [large.length, 5, large.length])
      const message = bytes("a".repeat(2000))
      const packed = Framing.pack([gzipSync(message)], Framing.Flag.Compressed)
      const headers = { "content-type": "application/grpc+json", "grpc-encoding": "gzip" }
      const { body } = yield* request(port, headers, packed)
      assert.match(String(body), /^01000000/)
      assert.isBelow(String(body).length, 200)
    }))

  it.live("carries a mebibyte, and no more than the limit", () =>
    Effect.gen(function*() {
      const { client } = yield* pair(Exchanges.echo, { maxMessage: 1024 * 1024 })
      const large = Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31) % 251)
      assert.strictEqual(Buffer.compare(yield* Peers.unary(client, "/orders/echo", large), large), 0)
      const over = Peers.unary(client, "/orders/echo", new Uint8Array(1024 * 1024 + 1))
      assert.match(yield* problem(over), /^RESOURCE_EXHAUSTED: .*1048577 bytes/)
    }))

  it.live("has a code and a message for each way to fail", () =>
    Effect.gen(function*() {
      const { client } = yield* pair(Exchanges.parrot)
      const say = (word: string) => problem(Peers.unary(client, "/orders/say", bytes(word)))
      assert.strictEqual(yield* say("Error"), "FAILED_PRECONDITION: a declared error of 13 bytes")
      assert.strictEqual(yield* say("Defect"), "INTERNAL: this is Defect")
      assert.strictEqual(yield* say("Unimplemented"), "UNIMPLEMENTED: this is Unimplemented")
      assert.strictEqual(yield* say("Malformed"), "INVALID_ARGUMENT: this is Malformed")
      assert.strictEqual(yield* say("Unavailable"), "UNAVAILABLE: this is Unavailable")
      assert.strictEqual(yield* say("DeadlineExceeded"), "DEADLINE_EXCEEDED: this is DeadlineExceeded")
      assert.strictEqual(yield* say("Overloaded"), "RESOURCE_EXHAUSTED: this is Overloaded")
      const strange = Peers.unary(client, "/strange/say", bytes(""))
      assert.strictEqual(yield* problem(strange), "UNIMPLEMENTED: strange is not served here")
    }))

  it.live("tells of a declared error in the details, and of a failure behind replies", () =>
    Effect.gen(function*() {
      const { client } = yield* pair(
        Exchanges.fromStream((call) =>
          Stream.fromArray(
            call.method === "late" ? [bytes("one"), failure("Error", "no")] : [failure("Error", new Uint8Array(9000))]
          )
        )
      )
      const call = yield* Peers.bidi(client, "/orders/late")
      const first = Effect.callback<Buffer>((resume) => {
        call.once("data", (reply: Buffer) => resume(Effect.succeed(reply)))
      })
      const [error, reply] = yield* Effect.all([Effect.flip(Peers.replies(call)), first], { concurrency: 2 })
      assert.strictEqual(text(reply), "one")
      const [details] = error.metadata.get("grpc-status-details-bin")
      assert.include(Buffer.from(details).toString("latin1"), "google.protobuf.BytesValue\x12\x04\x0a\x02no")
      const large = yield* Effect.flip(Peers.unary(client, "/orders/large", bytes("")))
      assert.deepStrictEqual(large.metadata.get("grpc-status-details-bin"), [])
      assert.strictEqual(large.details, "a declared error of 9000 bytes")
    }))

  it.live("interrupts the handler of a call that is cancelled, or whose deadline has passed", () =>
    Effect.gen(function*() {
      const cancel = (client: Client, started: Effect.Effect<void>) =>
        Effect.gen(function*() {
          const caller = yield* Effect.forkScoped(Peers.unary(client, "/orders/hang", bytes("")))
          yield* started
          yield* Fiber.interrupt(caller)
        })
      const expire = (client: Client) =>
        Effect.gen(function*() {
          const call = Peers.unary(client, "/orders/hang", bytes(""), {}, { deadline: Date.now() + 1000 })
          assert.match(yield* problem(call), /^DEADLINE_EXCEEDED/)
        })
      for (const end of [cancel, expire]) {
        const { exchange, interrupted, started } = yield* Exchanges.hanging
        const { client } = yield* pair(exchange)
        yield* end(client, Deferred.await(started))
        yield* Deferred.await(interrupted)
      }
    }))

  it.live("stops a handler whose replies are not read", () =>
    Effect.gen(function*() {
      const endless = Exchanges.endless(1024)
      const { client } = yield* pair(
        Exchanges.fromStream((call, messages) =>
          call.method === "echo" ? Exchanges.streamed(messages) : endless.replies
        )
      )
      const call = yield* Peers.bidi(client, "/orders/endless")
      // The library reads without bound until it is asked for a first message.
      yield* Effect.callback<void>((resume) => {
        call.once("data", () => {
          call.pause()
          resume(Effect.void)
        })
      })
      // Whoever could go on has had its turn.
      yield* Effect.repeat(Peers.unary(client, "/orders/echo", bytes("")), { times: 99 })
      const stopped = endless.count()
      yield* Effect.repeat(Peers.unary(client, "/orders/echo", bytes("")), { times: 99 })
      assert.isAtMost(endless.count(), stopped + 64)
      assert.isAtMost(endless.count() * 1024, 1024 * 1024)
      call.cancel()
    }))

  it.live("is away for its clients once it has closed, and lets none of them hang", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const scope = yield* Scope.make()
      const port = Number(new URL(yield* Scope.provide(transport.listen("orders", exchange), scope)).port)
      const client = yield* Peers.client(port)
      const caller = yield* Effect.forkScoped(problem(Peers.unary(client, "/orders/hang", bytes(""))))
      yield* Deferred.await(started)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(interrupted)
      assert.match(yield* Fiber.join(caller), /^CANCELLED/)
      assert.match(yield* problem(Peers.unary(client, "/orders/hang", bytes(""))), /^UNAVAILABLE/)
    }))
})

/** One request by hand: its answer, as far as gRPC is concerned. */
const request = (port: number, headers: Http2.OutgoingHttpHeaders, body: Uint8Array) =>
  Effect.callback<Record<string, unknown>>((resume) => {
    const session = Http2.connect(`http://127.0.0.1:${port}`)
    const stream = session.request({ ":method": "POST", ":path": "/orders/echo", ...headers })
    const seen: Record<string, unknown> = {}
    const keep = (headers: Http2.IncomingHttpHeaders) => {
      for (const name of [":status", "grpc-status", "effect-micro-status"]) {
        if (headers[name] !== undefined) seen[name] = headers[name]
      }
    }
    let read = Buffer.alloc(0)
    stream.on("response", keep)
    stream.on("trailers", keep)
    stream.on("data", (chunk: Buffer) => {
      read = Buffer.concat([read, chunk])
    })
    stream.on("end", () => resume(Effect.succeed({ ...seen, body: read.toString("hex") })))
    stream.end(body)
    return Effect.sync(() => session.destroy())
  }).pipe(Effect.timeout("10 seconds"), Effect.orDie)

describe("a server, to whoever speaks HTTP/2", () => {
  const grpc = { "content-type": "application/grpc+json" }
  const packed = Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.from([gzipSync("ab").length]), gzipSync("ab")])
  it.live.each<[string, Http2.OutgoingHttpHeaders, Uint8Array, Record<string, unknown>]>([
    ["answers a message", grpc, Buffer.from("00000000026162", "hex"), {
      ":status": 200,
      "grpc-status": "0",
      body: "00000000026162"
    }],
    ["unpacks gzip", { ...grpc, "grpc-encoding": "gzip" }, packed, {
      ":status": 200,
      "grpc-status": "0",
      body: "00000000026162"
    }],
    ["does not unpack anything else", { ...grpc, "grpc-encoding": "br" }, packed, {
      ":status": 200,
      "grpc-status": "12",
      "effect-micro-status": "Malformed",
      body: ""
    }],
    ["refuses a message that ends early", grpc, Buffer.from("0000000002", "hex"), {
      ":status": 200,
      "grpc-status": "3",
      "effect-micro-status": "Malformed",
      body: ""
    }],
    ["refuses a call of one message without one", { ...grpc, "effect-micro": "unary" }, Buffer.alloc(0), {
      ":status": 200,
      "grpc-status": "3",
      "effect-micro-status": "Malformed",
      body: ""
    }],
    ["refuses metadata beyond the limit", { ...grpc, long: "x".repeat(17_000) }, Buffer.alloc(0), {
      ":status": 200,
      "grpc-status": "8",
      "effect-micro-status": "Malformed",
      body: ""
    }],
    ["refuses what is no path", { ...grpc, ":path": "/" }, Buffer.alloc(0), {
      ":status": 200,
      "grpc-status": "12",
      "effect-micro-status": "Unimplemented",
      body: ""
    }],
    ["refuses what only begins like gRPC", { "content-type": "application/grpc-web" }, Buffer.alloc(0), {
      ":status": 415,
      body: ""
    }],
    ["answers a plain request", { "content-type": "application/json" }, Buffer.from("{}"), {
      ":status": 200,
      body: "7b7d"
    }],
    ["refuses a plain request of another method", { "content-type": "text/plain", ":method": "PUT" }, Buffer.alloc(0), {
      ":status": 405,
      "effect-micro-status": "Unimplemented",
      body: Buffer.from("{\"error\":{\"status\":\"Unimplemented\",\"message\":\"A call is a POST\"}}").toString("hex")
    }],
    ["refuses other methods", { ...grpc, ":method": "PUT" }, Buffer.alloc(0), { ":status": 405, body: "" }]
  ])("%s", ([, headers, body, expected]) =>
    Effect.gen(function*() {
      const { port } = yield* pair(Exchanges.echo)
      assert.deepStrictEqual(yield* request(port, headers, body), expected)
    }))
})

describe("a plain request over HTTP/2", () => {
  it.live("has its headers for metadata, and is interrupted with its stream alone", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const { port } = yield* pair({
        ...exchange,
        unary: (call, message) =>
          call.method === "tell" ? Effect.succeed(bytes(JSON.stringify(call.headers))) : exchange.unary(call, message)
      })
      const session = yield* Effect.acquireRelease(
        Effect.sync(() => Http2.connect(`http://127.0.0.1:${port}`)),
        (session) => Effect.sync(() => session.destroy())
      )
      const ask = (path: string) => session.request({ ":method": "POST", ":path": path, "x-origin": "till 7" })
      const hanging = ask("/orders/hang")
      hanging.on("error", () => undefined)
      hanging.end("{}")
      yield* Deferred.await(started)
      hanging.close(8)
      yield* Deferred.await(interrupted)
      const heard = yield* Effect.callback<string>((resume) => {
        const stream = ask("/orders/tell").setEncoding("utf8")
        stream.on("data", (read: string) => resume(Effect.succeed(read)))
        stream.end("{}")
      })
      assert.strictEqual(heard, "{\"x-origin\":\"till 7\"}")
    }))
})
