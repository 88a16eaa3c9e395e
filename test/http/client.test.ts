import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { Failure, Status } from "../../src/Transport.ts"
import { failure, isFailure } from "../../src/Transport.ts"
import type { Raw } from "./sockets.ts"
import { bytes, call, connect, echo, exchange, hanging, listen, serve, text } from "./sockets.ts"

/** Answers every request with the same bytes, one character an octet. */
const canned = (answer: string) =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const requests: Array<string> = []
    const url = yield* listen((connection) => {
      const loop: Effect.Effect<never> = Effect.forever(
        Effect.tap(connection.message, (request) => {
          requests.push(request)
          connection.write(Buffer.from(answer, "latin1"))
          return Effect.yieldNow
        })
      )
      const fiber = Effect.runForkWith(context)(loop)
      connection.socket.once("close", () => fiber.interruptUnsafe())
    })
    return { url, requests }
  })

const ok = (headers: string, body: string): string =>
  `HTTP/1.1 200 OK\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`

describe("towards a Go Micro service", () => {
  it.live("writes exactly these bytes, and the next id with the next call", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* canned(ok("Content-Type: application/json\r\n", "{}\n"))
      const client = yield* connect(url)
      const headers = { "X-City": "Zürich", host: "evil", "micro-from-service": "web\r\nHost: evil" }
      const reply = yield* client.unary(call("Orders.Place", { headers, timeout: 2000 }), bytes("{\"a\":1}"))
      assert.strictEqual(text(reply), "{}\n")
      yield* client.unary(call("Orders.Place"), bytes(""))
      assert.strictEqual(
        requests[0],
        `POST / HTTP/1.1\r\nhost: ${url.host}\r\nconnection: keep-alive\r\nAccept: application/json\r\n`
          + "Content-Type: application/json\r\nMicro-Endpoint: Orders.Place\r\nMicro-Id: 0\r\n"
          + "Micro-Method: Orders.Place\r\nMicro-Service: orders\r\nTimeout: 2000000000\r\n"
          + "X-City: Z\xc3\xbcrich\r\nmicro-from-service: web  Host: evil\r\ncontent-length: 7\r\n\r\n{\"a\":1}"
      )
      assert.include(requests[1], "Micro-Id: 1\r\n")
      assert.match(requests[1], /content-length: 0\r\n\r\n$/)
    }))

  it.live.each<[string, Failure]>([
    [
      ok("Micro-Error: {\"id\":\"a\",\"code\":404,\"detail\":\"nope\",\"status\":\"Not Found\"}\r\n", ""),
      failure("Error", "{\"id\":\"a\",\"code\":404,\"detail\":\"nope\",\"status\":\"Not Found\"}")
    ],
    [
      ok("X-Micro-Error: Z\xc3\xbcrich ist zu\r\n", ""),
      failure("Error", "{\"id\":\"\",\"code\":0,\"detail\":\"Zürich ist zu\",\"status\":\"\"}")
    ],
    [ok("Micro-Error: rpc: can't find service A.B\r\n", ""), failure("Unimplemented", "rpc: can't find service A.B")],
    [ok("Micro-Error: {\"code\":408,\"detail\":\"late\"}\r\n", ""), failure("DeadlineExceeded", "late")],
    [
      ok("Content-Type: text/plain\r\n", "Unsupported Content-Type: application/json"),
      failure(
        "Malformed",
        "Answered in text/plain instead of application/json: Unsupported Content-Type: application/json"
      )
    ],
    [
      ok(
        "Micro-Error: x\r\nEffect-Micro-Status: Overloaded\r\nRetry-After: 2\r\nEffect-Micro-Retry-After: 1500\r\n",
        "b"
      ),
      failure("Overloaded", "b", 1500)
    ],
    [
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nbusy",
      failure("Overloaded", "Answered with HTTP status 429: busy", 3000)
    ],
    [
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
      failure("Unavailable", "Answered with HTTP status 503: ")
    ],
    [
      "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      failure("Unimplemented", "Answered with HTTP status 404: ")
    ],
    [
      "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n",
      failure("DeadlineExceeded", "Answered with HTTP status 504: ")
    ],
    [
      "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
      failure("Malformed", "Answered with HTTP status 302: ")
    ]
  ])("understands the failure in %j", ([answer, expected]) =>
    Effect.gen(function*() {
      const { url } = yield* canned(answer)
      const client = yield* connect(url)
      const reply = yield* client.unary(call("A.B"), bytes("{}"))
      assert.isTrue(isFailure(reply))
      assert.deepStrictEqual({ ...reply as Failure, body: text(reply) }, { ...expected, body: text(expected) })
    }))

  it.live("accepts parameters of a content type, and an empty answer in none", () =>
    Effect.gen(function*() {
      const one = yield* canned(ok("Content-Type: Application/JSON; charset=utf-8\r\n", "1"))
      assert.strictEqual(text(yield* (yield* connect(one.url)).unary(call("A.B"), bytes(""))), "1")
      const two = yield* canned(ok("Content-Type: text/plain\r\n", ""))
      assert.strictEqual(text(yield* (yield* connect(two.url)).unary(call("A.B"), bytes(""))), "")
    }))
})

const reason = <A>(effect: Effect.Effect<A, { readonly reason: { readonly _tag: string } }>) =>
  Effect.map(Effect.flip(effect), (error) => error.reason._tag)

/** A server that does something to each connection once a request is on it. */
const treacherous = (deed: (connection: Raw, requests: number) => void) =>
  Effect.gen(function*() {
    let requests = 0
    const url = yield* listen((connection) => {
      connection.socket.on("data", (chunk) => {
        requests += String(chunk).split("POST / ").length - 1
        deed(connection, requests)
      })
    })
    return { url, requests: () => requests }
  })

describe("faults of the wire", () => {
  it.live("nobody at the address is NotConnected", () =>
    Effect.gen(function*() {
      const url = yield* Effect.scoped(Effect.map(serve({ orders: echo }), ({ url }) => url))
      const client = yield* connect(url)
      assert.strictEqual(yield* reason(client.unary(call("A.B"), bytes("{}"))), "NotConnected")
    }))

  it.live("a break after the request left is ConnectionLost, and the request is not sent again", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* treacherous((connection) => connection.socket.destroy())
      const client = yield* connect(url)
      assert.strictEqual(yield* reason(client.unary(call("A.B"), bytes("{}"))), "ConnectionLost")
      assert.strictEqual(requests(), 1)
    }))

  it.live("a kept connection that breaks under the next request is ConnectionLost, not a call that never ran", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* treacherous((connection, count) => {
        if (count === 1) connection.write(ok("", "1"))
        else connection.socket.destroy()
      })
      const client = yield* connect(url)
      assert.strictEqual(text(yield* client.unary(call("A.B"), bytes("{}"))), "1")
      assert.strictEqual(yield* reason(client.unary(call("A.B"), bytes("{}"))), "ConnectionLost")
      assert.strictEqual(requests(), 2)
    }))

  it.live("a break in the middle of the answer is ConnectionLost", () =>
    Effect.gen(function*() {
      const { url } = yield* treacherous((connection) =>
        connection.socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      )
      const client = yield* connect(url)
      assert.strictEqual(yield* reason(client.unary(call("A.B"), bytes("{}"))), "ConnectionLost")
    }))

  it.live("an answer that is not HTTP is ConnectionLost", () =>
    Effect.gen(function*() {
      const { url } = yield* canned("SSH-2.0-OpenSSH\r\n\r\n")
      const client = yield* connect(url)
      assert.strictEqual(yield* reason(client.unary(call("A.B"), bytes("{}"))), "ConnectionLost")
    }))

  it.live("a gateway whose own connection broke is ConnectionLost", () =>
    Effect.gen(function*() {
      const { url } = yield* canned("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
      const client = yield* connect(url)
      assert.strictEqual(yield* reason(client.unary(call("A.B"), bytes("{}"))), "ConnectionLost")
    }))

  it.live("what is over a limit is not sent", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* treacherous(() => {})
      const client = yield* connect(url, { maxMessage: 10 })
      assert.strictEqual(yield* reason(client.unary(call("A.B"), new Uint8Array(11))), "LimitExceeded")
      const headers = { a: "x".repeat(17_000) }
      assert.strictEqual(yield* reason(client.unary(call("A.B", { headers }), bytes(""))), "LimitExceeded")
      assert.strictEqual(requests(), 0)
    }))

  it.live("a header name that HTTP cannot write is Unsupported, and not sent", () =>
    Effect.gen(function*() {
      const { requests, url } = yield* treacherous(() => {})
      const client = yield* connect(url)
      const headers = { "a b": "x" }
      assert.strictEqual(yield* reason(client.unary(call("A.B", { headers }), bytes(""))), "Unsupported")
      assert.strictEqual(requests(), 0)
    }))

  it.live.each([
    ["announces", "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"],
    ["sends", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n"]
  ])("a reply that %s more than the limit is Malformed", ([, answer]) =>
    Effect.gen(function*() {
      const { url } = yield* treacherous((connection) => connection.write(answer))
      const client = yield* connect(url, { maxMessage: 10 })
      const reply = yield* client.unary(call("A.B"), bytes("{}"))
      assert.strictEqual((reply as Failure).status, "Malformed")
    }))

  it.live("more calls than may be under way are refused, and a withdrawn one makes room", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* hanging
      const { url } = yield* serve({ orders: exchange })
      const client = yield* connect(url, { connections: 1, maxCalls: 2 })
      const first = yield* Effect.forkChild(client.unary(call("a"), bytes("{}")))
      yield* Deferred.await(started)
      const second = yield* Effect.forkChild(client.unary(call("b"), bytes("{}")), { startImmediately: true })
      const refused = yield* client.unary(call("c"), bytes("{}"))
      assert.strictEqual((refused as Failure).status, "Overloaded")
      yield* Fiber.interrupt(first)
      yield* Deferred.await(interrupted)
      yield* Fiber.interrupt(second)
    }))

  it.live("a call that has ended no longer counts when the next one is made", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ orders: echo })
      const client = yield* connect(url, { connections: 1, maxCalls: 1 })
      for (let index = 0; index < 3; index++) {
        assert.strictEqual(text(yield* client.unary(call("echo"), bytes("{}"))), "{}")
      }
    }))

  it.live("a server that misses the deadline is left: DeadlineExceeded, and the connection goes", () =>
    Effect.gen(function*() {
      const gone = yield* Deferred.make<void>()
      const { url } = yield* treacherous((connection) => {
        connection.socket.once("close", () => Deferred.doneUnsafe(gone, Exit.void))
      })
      const client = yield* connect(url)
      const reply = yield* client.unary(call("a", { timeout: 30 }), bytes("{}"))
      assert.strictEqual((reply as Failure).status, "DeadlineExceeded")
      assert.strictEqual(text(reply), "The deadline of orders/a has passed")
      yield* Deferred.await(gone)
    }))

  it.live("a call that still waits for a connection at its deadline is never sent", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<Raw>()
      const { requests, url } = yield* treacherous((connection) => {
        Deferred.doneUnsafe(asked, Exit.succeed(connection))
      })
      const client = yield* connect(url, { connections: 1 })
      const first = yield* Effect.forkChild(client.unary(call("a"), bytes("{}")))
      const connection = yield* Deferred.await(asked)
      const late = yield* client.unary(call("b", { timeout: 1 }), bytes("{}"))
      assert.strictEqual((late as Failure).status, "DeadlineExceeded")
      connection.write(ok("", "1"))
      assert.strictEqual(text(yield* Fiber.join(first)), "1")
      assert.strictEqual(requests(), 1)
    }))

  it.effect("a pool that nobody uses has ended after some time, and takes no more calls", () =>
    Effect.gen(function*() {
      const { connections, url } = yield* serve({ orders: echo })
      const client = yield* connect(url, { idleTimeout: 60_000 })
      const closed = yield* Effect.forkChild(client.closed, { startImmediately: true })
      yield* TestClock.adjust(59_000)
      assert.strictEqual(text(yield* client.unary(call("echo"), bytes("1"))), "1")
      yield* TestClock.adjust(59_000)
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust(2000)
      yield* Fiber.join(closed)
      assert.strictEqual(yield* reason(client.unary(call("echo"), bytes("1"))), "NotConnected")
      assert.strictEqual(connections.size, 1)
    }))

  it.live("has no more connections than callers, who call again as soon as they are answered", () =>
    Effect.gen(function*() {
      const { connections, url } = yield* serve({ orders: echo })
      const client = yield* connect(url)
      const caller = Effect.repeat(client.unary(call("echo"), bytes("1")), { times: 50 })
      yield* Effect.all(Array.from({ length: 8 }, () => caller), { concurrency: "unbounded" })
      assert.strictEqual(connections.size, 8)
    }))

  it.live("streams of messages, or of replies in anything but JSON, are Unsupported", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ orders: echo })
      const client = yield* connect(url)
      const many = client.stream(call("A.B"), Stream.succeed(bytes("{}")))
      assert.strictEqual(yield* reason(Stream.runDrain(many)), "Unsupported")
      const text = client.stream(call("A.B", { contentType: "text/plain" }), bytes("{}"))
      assert.strictEqual(yield* reason(Stream.runDrain(text)), "Unsupported")
    }))
})

describe("between two of us", () => {
  const statuses: ReadonlyArray<Status> = [
    "Error",
    "Defect",
    "Unimplemented",
    "Malformed",
    "Unavailable",
    "DeadlineExceeded",
    "Overloaded"
  ]

  it.live.each(statuses)(
    "a failure arrives as it left, and the connection survives it: %s",
    (status) =>
      Effect.gen(function*() {
        const body = Uint8Array.from({ length: 256 }, (_, index) => index)
        const sent = failure(status, body, status === "Overloaded" ? 1234.5 : undefined)
        const { connections, url } = yield* serve({
          orders: exchange((call, message) => Effect.succeed(call.method === "fail" ? sent : message))
        })
        const client = yield* connect(url, { connections: 1 })
        const reply = yield* client.unary(call("fail"), bytes("{}")) as Effect.Effect<Failure>
        assert.deepStrictEqual({ ...reply, body: Array.from(reply.body) }, { ...sent, body: Array.from(body) })
        assert.strictEqual(text(yield* client.unary(call("echo"), bytes("{}"))), "{}")
        assert.strictEqual(connections.size, 1)
      })
  )

  it.live("messages of every size come back as they were", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ orders: echo })
      const client = yield* connect(url)
      for (const size of [0, 1, 100, 8192, 8193, 65_536, 1_000_000, 4 * 1024 * 1024]) {
        const message = new Uint8Array(size).map((_, index) => index * 31)
        const reply = yield* client.unary(call("echo", { contentType: "application/octet-stream" }), message)
        assert.isTrue(reply instanceof Uint8Array && Buffer.compare(reply, message) === 0, `${size} bytes`)
      }
    }))

  it.live("the call arrives as it left", () =>
    Effect.gen(function*() {
      const seen = yield* Queue.unbounded<unknown>()
      const { url } = yield* serve({
        orders: exchange((call, message) => Effect.as(Queue.offer(seen, call), message))
      })
      const client = yield* connect(url)
      const sent = call("Bestellungen.aufgeben→", {
        contentType: "application/x-custom",
        headers: { traceparent: "00-1-2-01", user: "Zoë 🚲" },
        timeout: 1234.567891
      })
      yield* client.unary(sent, bytes("{}"))
      assert.deepStrictEqual(yield* Queue.take(seen), sent)
    }))

  it.live("interrupting the caller interrupts the handler", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* hanging
      const { url } = yield* serve({ orders: exchange })
      const client = yield* connect(url)
      const fiber = yield* Effect.forkChild(client.unary(call("a"), bytes("{}")))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(interrupted)
    }))

  it.live("a call withdrawn while it waits is never sent, and costs no connection", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const seen: Array<string> = []
      const { connections, url } = yield* serve({
        orders: exchange((call, message) => {
          seen.push(call.method)
          return Deferred.succeed(started, undefined).pipe(Effect.andThen(Deferred.await(gate)), Effect.as(message))
        })
      })
      const client = yield* connect(url, { connections: 1 })
      const first = yield* Effect.forkChild(client.unary(call("first"), bytes("1")))
      yield* Deferred.await(started)
      const second = yield* Effect.forkChild(client.unary(call("second"), bytes("2")), { startImmediately: true })
      const third = yield* Effect.forkChild(client.unary(call("third"), bytes("3")), { startImmediately: true })
      yield* Fiber.interrupt(second)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(text(yield* Fiber.join(first)), "1")
      assert.strictEqual(text(yield* Fiber.join(third)), "3")
      assert.deepStrictEqual(seen, ["first", "third"])
      assert.strictEqual(connections.size, 1)
    }))

  it.live("200 calls after each other can share one connection", () =>
    Effect.gen(function*() {
      const { connections, url } = yield* serve({ orders: echo })
      const client = yield* connect(url, { connections: 1 })
      for (let index = 0; index < 200; index++) {
        assert.strictEqual(text(yield* client.unary(call("echo"), bytes(String(index)))), String(index))
      }
      assert.strictEqual(connections.size, 1)
    }))

  it.live("64 calls at once each get their own answer, over no more connections than allowed", () =>
    Effect.gen(function*() {
      const { connections, url } = yield* serve({ orders: echo })
      const client = yield* connect(url, { connections: 8 })
      const replies = yield* Effect.forEach(
        Array.from({ length: 64 * 20 }, (_, index) => String(index)),
        (message) => Effect.map(client.unary(call("echo"), bytes(message)), (reply) => [message, text(reply)] as const),
        { concurrency: 64 }
      )
      for (const [sent, received] of replies) assert.strictEqual(received, sent)
      assert.isAtMost(connections.size, 8)
    }))

  it.live("the end of the scope closes the sockets and fails what is under way", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* hanging
      const { connections, url } = yield* serve({ orders: exchange })
      const scope = yield* Scope.make()
      const client = yield* Scope.provide(connect(url), scope)
      const fiber = yield* Effect.forkChild(reason(client.unary(call("a"), bytes("{}"))))
      yield* Deferred.await(started)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(fiber), "ConnectionLost")
      yield* Deferred.await(interrupted)
      for (const socket of connections) assert.isTrue(socket.destroyed)
      assert.strictEqual(yield* reason(client.unary(call("a"), bytes("{}"))), "NotConnected")
    }))
})
