/** One port under everything that may arrive at it, and what our own client makes of ports that are not ours. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { Socket } from "node:net"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import type { Failure, TransportError } from "../../src/Transport.ts"
import { Transport } from "../../src/Transport.ts"
import { listening } from "./listening.ts"
import type { Raw } from "./sockets.ts"
import { bytes, call, dial, echo, exchange, hanging, listen, text } from "./sockets.ts"

const local = HttpTransport.layer({ host: "127.0.0.1", maxMessage: 1000 })

const portOf = (address: string): number => Number(new URL(address).port)

const ask = (client: Raw, request: string): Effect.Effect<string> =>
  Effect.suspend(() => {
    client.write(Buffer.from(request, "latin1"))
    return client.message
  })

const line = (message: string): string => message.slice(0, message.indexOf("\r\n"))

const post = (path: string, body: string, more = ""): string =>
  `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`

const frames = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: effect-micro/1\r\n\r\n"

describe("a port", () => {
  it.live("answers what is no call, lets it go, and carries on", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const address = yield* transport.listen("orders", echo)
      const other = yield* transport.connect(address)
      const refused: ReadonlyArray<readonly [string, string]> = [
        ["\0\x01\x02\xff\xfe\r\n\r\n", "400 Bad Request"],
        ["\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "400 Bad Request"],
        ["SSH-2.0-OpenSSH_9.9\r\n", "400 Bad Request"],
        ["POST /orders/place HTTP/1.1\r\n\r\n", "400 Bad Request"],
        [
          "POST /orders/place HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
          "400 Bad Request"
        ],
        [
          `POST /orders/place HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;${"x".repeat(20_000)}\r\n`,
          "413 Payload Too Large"
        ],
        [post("/orders/place", "{}", `A: ${"x".repeat(40_000)}\r\n`), "431 Request Header Fields Too Large"]
      ]
      for (const [request, status] of refused) {
        const client = yield* dial(portOf(address))
        const answer = yield* ask(client, request)
        assert.strictEqual(line(answer), `HTTP/1.1 ${status}`)
        assert.include(answer, "\r\nConnection: close\r\n")
        yield* client.closed
        assert.strictEqual(text(yield* other.unary(call("echo"), bytes(status))), status)
      }
    }).pipe(Effect.provide(local)))

  it.live("serves what is HTTP, in whichever way", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const address = yield* transport.listen("orders", echo)
      const client = yield* dial(portOf(address))
      const kept: ReadonlyArray<readonly [string, string]> = [
        [post("/orders/place", "x".repeat(1001)), "413 Payload Too Large"],
        [post("/orders/place", "{}", "A: 1\r\n".repeat(127)), "431 Request Header Fields Too Large"],
        [post("/orders/place", "{}", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"), "200 OK"],
        [post("/orders/place", "{}", "Connection: Upgrade\r\nUpgrade: websocket\r\n"), "200 OK"],
        ["POST /orders/place HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}", "200 OK"]
      ]
      for (const [request, status] of kept) {
        assert.strictEqual(line(yield* ask(client, request)), `HTTP/1.1 ${status}`)
      }
      yield* client.closed
    }).pipe(Effect.provide(local)))

  it.live("cuts an upgraded connection that breaks the rules, and no other", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const address = yield* transport.listen("orders", echo)
      const other = yield* transport.connect(address)
      const client = yield* dial(portOf(address))
      assert.strictEqual(line(yield* ask(client, frames)), "HTTP/1.1 101 Switching Protocols")
      client.write("GET / HTTP/1.1\r\n\r\n".repeat(100))
      yield* client.closed
      assert.strictEqual(text(yield* other.unary(call("echo"), bytes("1"))), "1")
    }).pipe(Effect.provide(local)))

  it.live("survives clients that go away at any byte", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const address = yield* transport.listen("orders", echo)
      const other = yield* transport.connect(address)
      const requests = [frames + "\0\0\0", post("/orders/place", "{}")]
      for (const request of requests) {
        for (let length = 0; length <= request.length; length += 7) {
          const client = yield* dial(portOf(address))
          client.write(request.slice(0, length))
          client.socket.resetAndDestroy()
        }
      }
      assert.strictEqual(text(yield* other.unary(call("echo"), bytes("1"))), "1")
    }).pipe(Effect.provide(local)))

  it.live("survives an exchange that throws, on either lane", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const address = yield* transport.listen(
        "orders",
        exchange(() => {
          throw new Error("by mistake")
        })
      )
      for (const scheme of ["micro:", "http:"]) {
        const client = yield* transport.connect(address.replace("micro:", scheme))
        const reply = yield* client.unary(call("a"), bytes("{}"))
        assert.deepStrictEqual([(reply as Failure).status, text(reply)], ["Defect", "by mistake"])
      }
    }).pipe(Effect.provide(local)))

  it.live("cuts off the calls of a service that has left, and serves the others", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const { exchange, interrupted, started } = yield* hanging
      const address = yield* transport.listen("stock", echo)
      const scope = yield* Scope.make()
      yield* Scope.provide(transport.listen("orders", exchange), scope)
      const client = yield* transport.connect(address.replace("micro:", "http:"))
      const fiber = yield* Effect.forkChild(client.unary(call("place"), bytes("{}")))
      yield* Deferred.await(started)
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(interrupted)
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber))).reason._tag, "ConnectionLost")
      assert.strictEqual(((yield* client.unary(call("place"), bytes("{}"))) as Failure).status, "Unimplemented")
      assert.strictEqual(text(yield* client.unary(call("x", { service: "stock" }), bytes("1"))), "1")
    }).pipe(Effect.provide(local)))

  it.live("gives a call that names no service to the only one that it can mean", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const named = exchange((call) => Effect.succeed(bytes(call.service)))
      const address = yield* transport.listen("acme.orders", named)
      const client = yield* dial(portOf(address))
      const body = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4)
      assert.strictEqual(body(yield* ask(client, post("/", "", "Micro-Endpoint: What.Ever\r\n"))), "acme.orders")
      yield* transport.listen("stock", named)
      assert.strictEqual(body(yield* ask(client, post("/", "", "Micro-Endpoint: Stock.Take\r\n"))), "stock")
      assert.strictEqual(body(yield* ask(client, post("/", "", "Micro-Endpoint: Orders.Place\r\n"))), "acme.orders")
      yield* transport.listen("eu.orders", named)
      assert.include(yield* ask(client, post("/", "", "Micro-Endpoint: Orders.Place\r\n")), "\"code\":404")
    }).pipe(Effect.provide(local)))
})

/** An HTTP server that is not ours. */
const foreign = (answer: Http.RequestListener) =>
  Effect.gen(function*() {
    const server = Http.createServer(answer)
    return new URL(`http://127.0.0.1:${yield* listening(server)}`)
  })

/** Why an address cannot be connected to. */
const obstacle = (port: string, options?: HttpTransport.Options) =>
  Effect.gen(function*() {
    const transport = yield* Transport
    const error: TransportError = yield* Effect.flip(transport.connect(`micro://127.0.0.1:${port}`))
    assert.strictEqual(error.reason._tag, "NotConnected")
    return (error.reason.cause as Error).message
  }).pipe(Effect.scoped, Effect.provide(HttpTransport.layer(options)))

describe("a micro:// client", () => {
  it.live.each([200, 404, 426, 500])(
    "is not connected to a web server, which answers %i",
    (status) =>
      Effect.gen(function*() {
        const { port } = yield* foreign((_request, response) => void response.writeHead(status).end("a page"))
        const line = `HTTP/1.1 ${status} ${Http.STATUS_CODES[status]}`
        assert.strictEqual(yield* obstacle(port), `it answered "${line}" to the upgrade to effect-micro/1`)
      })
  )

  it.live("is not connected to what says something else", () =>
    Effect.gen(function*() {
      const { port } = yield* listen((connection) => connection.write("SSH-2.0-OpenSSH_9.9\r\n"))
      const problem = `it answered "SSH-2.0-OpenSSH_9.9" to the upgrade to effect-micro/1`
      assert.strictEqual(yield* obstacle(port), problem)
    }))

  it.live("is not connected to what hangs up", () =>
    Effect.gen(function*() {
      const { port } = yield* listen((connection) => {
        connection.socket.once("data", () => connection.socket.end())
      })
      const problem = "it closed the connection instead of upgrading it to effect-micro/1"
      assert.strictEqual(yield* obstacle(port), problem)
    }))

  it.live("is not connected to what never answers, after its patience, and lets go of it", () =>
    Effect.gen(function*() {
      const accepted = yield* Deferred.make<Socket>()
      const { port } = yield* listen((connection) => Deferred.doneUnsafe(accepted, Exit.succeed(connection.socket)))
      assert.strictEqual(yield* obstacle(port, { connectTimeout: 50 }), "no answer within 50 ms")
      const socket = yield* Deferred.await(accepted)
      yield* Effect.callback<void>((resume) => {
        if (socket.closed) resume(Effect.void)
        else socket.once("close", () => resume(Effect.void))
      })
    }))

  it.live("is not connected where nobody is", () =>
    Effect.gen(function*() {
      const { port } = yield* Effect.scoped(listen(() => {}))
      assert.include(yield* obstacle(port), "ECONNREFUSED")
    }))

  it.live.each(["ws://h:1", "ftp://h", "h:1", ""])("knows no way to %j", (address) =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const error = yield* Effect.flip(transport.connect(address))
      assert.strictEqual(error.reason._tag, "Unsupported")
    }).pipe(Effect.provide(local)))
})
