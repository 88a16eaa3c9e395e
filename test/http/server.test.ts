import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Call } from "../../src/Transport.ts"
import { failure } from "../../src/Transport.ts"
import type { Raw } from "./sockets.ts"
import { dial, echo, exchange, hanging, serve } from "./sockets.ts"

const goRequest = (body: string, more = ""): string =>
  "POST / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Go-http-client/1.1\r\n"
  + `Content-Length: ${Buffer.byteLength(body)}\r\n`
  + "Accept: application/json\r\nContent-Type: application/json\r\nMicro-Endpoint: Orders.Place\r\nMicro-Id: 3\r\n"
  + `Micro-Method: Orders.Place\r\nMicro-Service: orders\r\n${more}Timeout: 5000000000\r\n\r\n${body}`

const post = (path: string, body: string, more = ""): string =>
  `POST ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`

const kept = "Connection: keep-alive\r\nKeep-Alive: timeout=70\r\n\r\n"

const ask = (client: Raw, request: string | Uint8Array): Effect.Effect<string> =>
  Effect.suspend(() => {
    client.write(request)
    return client.message
  })

const body = (message: string): string => message.slice(message.indexOf("\r\n\r\n") + 4)
const line = (message: string): string => message.slice(0, message.indexOf("\r\n"))

/** Tells what a call arrived as. */
const witness = () => {
  const calls: Array<readonly [Call, string]> = []
  return {
    calls,
    exchange: exchange((call, message) => {
      calls.push([call, Buffer.from(message).toString("utf8")])
      return Effect.succeed(message)
    })
  }
}

describe("the form of Go Micro", () => {
  it.live("answers a Go client with exactly these bytes", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      const answer = yield* ask(client, goRequest("{\"a\":1}\n", "Micro-From-Service: web\r\n"))
      assert.strictEqual(
        answer,
        `HTTP/1.1 200 OK\r\nMicro-Id: 3\r\nX-Micro-Id: 3\r\nContent-Length: 8\r\nContent-Type: application/json\r\n${kept}`
          + "{\"a\":1}\n"
      )
      assert.deepStrictEqual(calls, [[
        {
          service: "orders",
          method: "Orders.Place",
          contentType: "application/json",
          headers: { "micro-from-service": "web" },
          timeout: 5000
        },
        "{\"a\":1}\n"
      ]])
    }))

  it.live("answers a failure with 200, the error in a header, and our own peers' bytes in the body", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: exchange(() => Effect.succeed(failure("Error", "{\"left\":\"ü\"}"))) })
      const client = yield* dial(port)
      const error = "{\"id\":\"orders\",\"code\":422,\"detail\":\"{\\\"left\\\":\\\"\\u00fc\\\"}\","
        + "\"status\":\"Unprocessable Entity\"}"
      assert.strictEqual(
        yield* ask(client, goRequest("{}")),
        `HTTP/1.1 200 OK\r\nMicro-Error: ${error}\r\nX-Micro-Error: ${error}\r\nEffect-Micro-Status: Error\r\n`
          + "Micro-Id: 3\r\nX-Micro-Id: 3\r\nContent-Length: 13\r\nContent-Type: application/json\r\n"
          + `${kept}{"left":"\xc3\xbc"}`
      )
    }))

  it.live("says in both units when to come back", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: exchange(() => Effect.succeed(failure("Overloaded", "busy", 1500))) })
      const client = yield* dial(port)
      const answer = yield* ask(client, goRequest("{}"))
      assert.include(
        answer,
        "\r\nEffect-Micro-Status: Overloaded\r\nRetry-After: 2\r\nEffect-Micro-Retry-After: 1500\r\n"
      )
    }))

  it.live("accepts the empty body of a Go client, which is chunked", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      const answer = yield* ask(
        client,
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nMicro-Endpoint: A.B\r\nMicro-Id: 0\r\n\r\n0\r\n\r\n"
      )
      assert.strictEqual(
        answer,
        `HTTP/1.1 200 OK\r\nMicro-Id: 0\r\nX-Micro-Id: 0\r\nContent-Length: 0\r\n${kept}`
      )
      assert.deepInclude(calls[0][0], { service: "orders", method: "A.B", contentType: "application/protobuf" })
      assert.strictEqual(calls[0][1], "")
    }))

  it.live("accepts any method and path, the older names, and chunks", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      yield* ask(client, "GET /foo/bar?x HTTP/1.1\r\nHost: h\r\nX-Micro-Method: A.B\r\nX-Micro-Service: orders\r\n\r\n")
      yield* ask(
        client,
        "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nMicro-Method: A.C\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      )
      assert.deepStrictEqual(calls.map(([call, text]) => [call.service, call.method, text]), [
        ["orders", "A.B", ""],
        ["orders", "A.C", "abcde"]
      ])
    }))

  it.live("reads metadata as UTF-8, the first of a repeated header, and no prototype", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      yield* ask(
        client,
        Buffer.from(goRequest("{}", "X-City: Zürich 日本\r\nX-City: Bern\r\n__proto__: evil\r\nconstructor: c\r\n"))
      )
      assert.deepStrictEqual(calls[0][0].headers, { "x-city": "Zürich 日本", constructor: "c" })
    }))

  it.live("refuses a stream, whose first message is not the call's", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      const answer = yield* ask(client, goRequest("{}", "Micro-Stream: 3\r\n"))
      assert.include(answer, "\r\nEffect-Micro-Status: Unimplemented\r\n")
      assert.lengthOf(calls, 0)
    }))

  it.live("refuses an event", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      const answer = yield* ask(client, post("/", "{}", "Micro-Topic: placed\r\nMicro-Id: 1\r\n"))
      assert.strictEqual(line(answer), "HTTP/1.1 404 Not Found")
      assert.deepStrictEqual(JSON.parse(body(answer)), {
        error: { status: "Unimplemented", message: "Events are not taken here" }
      })
      assert.include(yield* ask(client, goRequest("{}", "Micro-Topic: placed\r\n")), "\"code\":404")
      assert.lengthOf(calls, 0)
    }))

  it.live("says which service it cannot find", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const answer = yield* ask(client, goRequest("{}").replace("Micro-Service: orders", "Micro-Service: stock"))
      assert.strictEqual(line(answer), "HTTP/1.1 200 OK")
      assert.include(answer, "\"code\":404,\"detail\":\"rpc: can't find service stock\",\"status\":\"Not Found\"}")
    }))
})

describe("the form of a path", () => {
  it.live("answers a plain POST with exactly these bytes", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      assert.strictEqual(
        yield* ask(client, post("/orders/pl%C3%A4ce", "{}", "Timeout: 1000000\r\nAuthorization: Bearer x\r\n")),
        `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n${kept}{}`
      )
      assert.deepInclude(calls[0][0], {
        service: "orders",
        method: "pläce",
        contentType: "application/json",
        headers: { authorization: "Bearer x" },
        timeout: 1
      })
    }))

  it.live("answers a declared error with its own bytes", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: exchange(() => Effect.succeed(failure("Error", "{\"left\":0}"))) })
      const client = yield* dial(port)
      assert.strictEqual(
        yield* ask(client, post("/orders/place", "{}")),
        "HTTP/1.1 422 Unprocessable Entity\r\nEffect-Micro-Status: Error\r\nContent-Length: 10\r\n"
          + `Content-Type: application/json\r\n${kept}{"left":0}`
      )
    }))

  it.live.each(
    [
      ["Defect", "500 Internal Server Error"],
      ["Unimplemented", "404 Not Found"],
      ["Malformed", "400 Bad Request"],
      ["Unavailable", "503 Service Unavailable"],
      ["DeadlineExceeded", "504 Gateway Timeout"],
      ["Overloaded", "429 Too Many Requests"]
    ] as const
  )("answers %s with %s and an explanation", ([status, code]) =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: exchange(() => Effect.succeed(failure(status, "so \"it\" is"))) })
      const client = yield* dial(port)
      const answer = yield* ask(client, post("/orders/place", "{}"))
      assert.strictEqual(line(answer), `HTTP/1.1 ${code}`)
      assert.include(answer, `\r\nEffect-Micro-Status: ${status}\r\n`)
      assert.deepStrictEqual(JSON.parse(body(answer)), { error: { status, message: "so \"it\" is" } })
    }))

  it.live.each([
    ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "404 Not Found"],
    ["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}", "404 Not Found"],
    ["GET /favicon.ico HTTP/1.1\r\nHost: h\r\n\r\n", "404 Not Found"],
    ["POST /orders/place/more HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "404 Not Found"],
    ["POST /stock/place HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "404 Not Found"],
    ["POST /orders/%zz HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "400 Bad Request"],
    ["GET /orders/place HTTP/1.1\r\nHost: h\r\n\r\n", "405 Method Not Allowed"]
  ])("refuses %j with %s, and keeps the connection", ([request, code]) =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const answer = yield* ask(client, request)
      assert.strictEqual(line(answer), `HTTP/1.1 ${code}`)
      assert.isString(JSON.parse(body(answer)).error.message)
      assert.strictEqual(answer.includes("\r\nAllow: POST\r\n"), code.startsWith("405"))
      assert.strictEqual(body(yield* ask(client, post("/orders/place", "{}"))), "{}")
    }))

  it.live("invites a client that waits to send its message", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const head = "POST /orders/place HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
      assert.strictEqual(yield* ask(client, head), "HTTP/1.1 100 Continue\r\n\r\n")
      assert.strictEqual(body(yield* ask(client, "{}")), "{}")
    }))

  it.live("does not unpack", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const answer = yield* ask(client, post("/orders/place", "{}", "Content-Encoding: gzip\r\n"))
      assert.strictEqual(line(answer), "HTTP/1.1 415 Unsupported Media Type")
    }))

  it.live("speaks HTTP/1.0, and closes", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const answer = yield* ask(client, "POST /orders/place HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
      assert.strictEqual(body(answer), "{}")
      assert.include(answer, "\r\nConnection: close\r\n")
      yield* client.closed
    }))

  it.live("sends HEAD no body", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      client.write(
        "HEAD /orders/place HTTP/1.1\r\nHost: h\r\n\r\n"
          + "POST /orders/place HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
      )
      let received = ""
      client.socket.on("data", (chunk) => {
        received += String(chunk)
      })
      yield* client.closed
      assert.match(received, /^HTTP\/1\.1 405 .*timeout=70\r\n\r\nHTTP\/1\.1 200 OK\r\n.*\r\n\r\n{}$/s)
    }))
})

describe("limits", () => {
  const limits = { maxMessage: 1000 }

  it.live("accepts a message of the limit's size, in as many pieces as it likes to come", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo }, limits)
      const client = yield* dial(port)
      const message = "x".repeat(1000)
      assert.strictEqual(body(yield* ask(client, post("/orders/place", message))), message)
      const chunked = "POST /orders/place HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "1\r\nx\r\n".repeat(1000) + "0\r\n\r\n"
      assert.strictEqual(body(yield* ask(client, chunked)), message)
    }))

  it.live("refuses a larger one at its announcement, without waiting for it", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo }, limits)
      const client = yield* dial(port)
      const answer = yield* ask(client, "POST /orders/place HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n")
      assert.strictEqual(line(answer), "HTTP/1.1 413 Payload Too Large")
      assert.include(answer, "\r\nEffect-Micro-Status: Malformed\r\n")
      client.write("x".repeat(1001))
      assert.strictEqual(body(yield* ask(client, post("/orders/place", "{}"))), "{}")
    }))

  it.live("refuses one that grows too large, and cuts off what will not end", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo }, limits)
      const client = yield* dial(port)
      client.write("POST /orders/place HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
      const answer = yield* ask(client, "1f4\r\n" + "x".repeat(500) + "\r\n1f5\r\n" + "x".repeat(501) + "\r\n")
      assert.strictEqual(line(answer), "HTTP/1.1 413 Payload Too Large")
      client.write("7d0\r\n" + "x".repeat(2000) + "\r\n")
      yield* client.closed
    }))

  it.live("refuses too large a message of a Go client in its own words", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo }, limits)
      const client = yield* dial(port)
      const answer = yield* ask(client, goRequest("x".repeat(1001)))
      assert.strictEqual(line(answer), "HTTP/1.1 200 OK")
      assert.include(answer, "Micro-Error: {\"id\":\"orders\",\"code\":400,")
    }))

  it.live("refuses too many headers", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const answer = yield* ask(client, post("/orders/place", "{}", "A: 1\r\n".repeat(127)))
      assert.strictEqual(line(answer), "HTTP/1.1 431 Request Header Fields Too Large")
    }))

  it.live.each([
    ["\x16\x03\x01\x02\x00garbage", "400 Bad Request"],
    [
      "POST /orders/place HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
      "400 Bad Request"
    ],
    ["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", "400 Bad Request"],
    [`GET / HTTP/1.1\r\nA: ${"x".repeat(70_000)}\r\n\r\n`, "431 Request Header Fields Too Large"]
  ])("closes on what is not HTTP: %#", ([bytes, code]) =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      assert.strictEqual(line(yield* ask(client, bytes)), `HTTP/1.1 ${code}`)
      yield* client.closed
    }))
})

describe("the life of a call", () => {
  it.live("interrupts the handler when the client goes away", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* hanging
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      client.write(post("/orders/place", "{}"))
      yield* Deferred.await(started)
      client.socket.destroy()
      yield* Deferred.await(interrupted)
    }))

  it.live("interrupts a handler that waits its turn in a pipeline", () =>
    Effect.gen(function*() {
      const first = yield* hanging
      const second = yield* hanging
      const { port } = yield* serve({ first: first.exchange, second: second.exchange })
      const client = yield* dial(port)
      client.write(post("/first/x", "{}") + post("/second/x", "{}"))
      yield* Deferred.await(second.started)
      client.socket.destroy()
      yield* Deferred.await(first.interrupted)
      yield* Deferred.await(second.interrupted)
    }))

  it.live("answers a pipeline in order, whoever is done first", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const slow = exchange((_call, message) => Effect.as(Deferred.await(gate), message))
      const fast = exchange((_call, message) => Effect.as(Deferred.succeed(gate, undefined), message))
      const { port } = yield* serve({ slow, fast })
      const client = yield* dial(port)
      client.write(post("/slow/x", "1") + post("/fast/x", "2"))
      assert.strictEqual(body(yield* client.message), "1")
      assert.strictEqual(body(yield* client.message), "2")
    }))

  it.live("runs nothing for a client that leaves in the middle of its message", () =>
    Effect.gen(function*() {
      const { calls, exchange } = witness()
      const { connections, port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      client.write("POST /orders/place HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
      const other = yield* dial(port)
      yield* ask(other, post("/orders/place", "{}"))
      client.socket.end()
      yield* client.closed
      yield* ask(other, post("/orders/place", "{}"))
      assert.deepStrictEqual(calls.map(([, text]) => text), ["{}", "{}"])
      assert.strictEqual(connections.size, 2)
    }))

  it.live("answers a defect with what it says, and keeps the connection", () =>
    Effect.gen(function*() {
      let calls = 0
      const broken = exchange((_call, message) =>
        calls++ === 0 ? Effect.die(new Error("a bug")) : Effect.succeed(message)
      )
      const { port } = yield* serve({ orders: broken })
      const client = yield* dial(port)
      const answer = yield* ask(client, post("/orders/place", "{}"))
      assert.strictEqual(line(answer), "HTTP/1.1 500 Internal Server Error")
      assert.deepStrictEqual(JSON.parse(body(answer)), { error: { status: "Defect", message: "a bug" } })
      assert.strictEqual(body(yield* ask(client, post("/orders/place", "{}"))), "{}")
    }))

  it.live("answers at the deadline without waiting for the handler, which is interrupted", () =>
    Effect.gen(function*() {
      const { exchange, interrupted } = yield* slow
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      const answer = yield* ask(client, post("/orders/place", "{}", "Timeout: 20000000\r\n"))
      assert.strictEqual(line(answer), "HTTP/1.1 504 Gateway Timeout")
      assert.isFalse(yield* Deferred.isDone(interrupted.end))
      yield* Deferred.await(interrupted.start)
      yield* Deferred.succeed(interrupted.gate, undefined)
      yield* Deferred.await(interrupted.end)
      assert.include(yield* ask(client, goRequest("{}").replace("Timeout: 5000000000", "Timeout: 1")), "\"code\":408")
    }))

  it.live("refuses as Overloaded what is over the number of calls, over all connections", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* hanging
      const { port } = yield* serve({ orders: exchange, free: echo }, { maxCalls: 1 })
      const [one, two] = yield* Effect.all([dial(port), dial(port)])
      one.write(post("/orders/place", "{}"))
      yield* Deferred.await(started)
      assert.strictEqual(line(yield* ask(two, post("/free/x", "{}"))), "HTTP/1.1 429 Too Many Requests")
      one.socket.destroy()
      yield* Deferred.await(interrupted)
      assert.strictEqual(line(yield* ask(two, post("/free/x", "{}"))), "HTTP/1.1 200 OK")
    }))

  it.live("a call that is interrupted by itself is no answer: its connection is cut", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: exchange(() => Effect.interrupt) })
      const client = yield* dial(port)
      let received = 0
      client.socket.on("data", (chunk) => {
        received += chunk.length
      })
      client.write(post("/orders/place", "{}"))
      yield* client.closed
      assert.strictEqual(received, 0)
    }))

  it.live("leaving refuses new calls as Unavailable and lets running ones finish", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const slow = exchange((_call, message) =>
        Deferred.succeed(started, undefined).pipe(Effect.andThen(Deferred.await(gate)), Effect.as(message))
      )
      const { lane, port } = yield* serve({ orders: slow })
      const [one, two, three] = yield* Effect.all([dial(port), dial(port), dial(port)])
      one.write(post("/orders/place", "1"))
      yield* Deferred.await(started)
      lane.leave()
      const refused = yield* ask(two, post("/orders/place", "2"))
      assert.strictEqual(line(refused), "HTTP/1.1 503 Service Unavailable")
      assert.include(refused, "\r\nConnection: close\r\n")
      assert.include(yield* ask(three, goRequest("3")), "\"code\":503")
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(body(yield* one.message), "1")
      yield* Effect.all([one.closed, two.closed, three.closed])
    }))

  it.live("evicting a service interrupts its calls, and cuts their connections once they have cleaned up", () =>
    Effect.gen(function*() {
      const leaving = yield* slow
      const staying = yield* hanging
      const { lane, port } = yield* serve({ leaving: leaving.exchange, staying: staying.exchange })
      const [one, two] = yield* Effect.all([dial(port), dial(port)])
      one.write(post("/leaving/x", "{}"))
      two.write(post("/staying/x", "{}"))
      yield* Deferred.await(leaving.started)
      yield* Deferred.await(staying.started)
      const cut = yield* Effect.forkChild(one.closed, { startImmediately: true })
      lane.evict("leaving")
      yield* Deferred.await(leaving.interrupted.start)
      assert.isUndefined(cut.pollUnsafe())
      yield* Deferred.succeed(leaving.interrupted.gate, undefined)
      yield* Fiber.join(cut)
      assert.isFalse(yield* Deferred.isDone(staying.interrupted))
    }))
})

/** An exchange that never answers, and takes until its gate opens to clean up. */
const slow = Effect.gen(function*() {
  const started = yield* Deferred.make<void>()
  const start = yield* Deferred.make<void>()
  const gate = yield* Deferred.make<void>()
  const end = yield* Deferred.make<void>()
  return {
    started,
    interrupted: { start, gate, end },
    exchange: exchange(() =>
      Deferred.succeed(started, undefined).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() =>
          Deferred.succeed(start, undefined).pipe(
            Effect.andThen(Deferred.await(gate)),
            Effect.andThen(Deferred.succeed(end, undefined))
          )
        )
      )
    )
  }
})
