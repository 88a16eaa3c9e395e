/** Go Micro and plain HTTP, byte by byte, through the whole of a server and of a client. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Contract from "../src/Contract.ts"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../src/Layers/MemoryRegistry.ts"
import { NetworkRpcLive } from "../src/Layers/NetworkRpc.ts"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import * as StaticRegistry from "../src/Layers/StaticRegistry.ts"
import { Registry } from "../src/Registry.ts"
import * as Rpc from "../src/Rpc.ts"
import type { RpcError } from "../src/RpcError.ts"
import type { Raw } from "./http/sockets.ts"
import { dial, listen } from "./http/sockets.ts"

class SoldOut extends Schema.TaggedError<SoldOut>()("SoldOut", { left: Schema.Int }) {}

class Orders extends Contract.Service<Orders>()("orders", {
  place: Contract.method({
    payload: { sku: Schema.String, count: Schema.Int },
    success: Schema.Struct({ id: Schema.String }),
    error: SoldOut,
    endpoint: "Orders.Place"
  }),
  hold: Contract.method({}),
  die: Contract.method({})
}) {}

const network = <E>(registry: Layer.Layer<Registry, E>, options?: HttpTransport.Options) =>
  NetworkRpcLive.pipe(
    Layer.provide([JsonCodecLive, RandomSelectorLive, HttpTransport.layer({ host: "127.0.0.1", ...options })]),
    Layer.provideMerge(registry)
  )

/** Serves `orders` on a port of its own. `hold` never answers: what it goes through is offered to the queue. */
const served = Effect.gen(function*() {
  const registry = yield* Registry
  const seen = yield* Queue.unbounded<string>()
  const scope = yield* Scope.fork(yield* Effect.scope)
  const server = Rpc.layerServer(Orders, {
    place: ({ count, sku }) =>
      count > 3 ? Effect.fail(new SoldOut({ left: 3 })) : Effect.succeed({ id: `${sku}-${count}` }),
    hold: () =>
      Queue.offer(seen, "started").pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Queue.offer(seen, "interrupted"))
      ),
    die: () => Effect.die(new Error("a bug"))
  })
  yield* Layer.buildWithScope(server, scope)
  const instances = yield* Stream.runHead(registry.watch("orders"))
  const { port } = new URL(Option.getOrThrow(instances)[0].address)
  return { port: Number(port), seen, leave: Scope.close(scope, Exit.void) }
})

const ask = (client: Raw, request: string): Effect.Effect<string> =>
  Effect.suspend(() => {
    client.write(request)
    return client.message
  })

const body = (message: string): string => message.slice(message.indexOf("\r\n\r\n") + 4)

/** A request as Go Micro's client writes it. */
const fromGo = (endpoint: string, body: string, id = 0, timeout = 5_000_000_000): string =>
  "POST / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: Go-http-client/1.1\r\n"
  + (body === "" ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${Buffer.byteLength(body)}\r\n`)
  + "Accept: application/json\r\nContent-Type: application/json\r\n"
  + `Micro-Endpoint: ${endpoint}\r\nMicro-From-Service: web\r\nMicro-Id: ${id}\r\nMicro-Method: ${endpoint}\r\n`
  + `Micro-Service: orders\r\nTimeout: ${timeout}\r\n\r\n`
  + (body === "" ? "0\r\n\r\n" : body)

/** A response as Go Micro's client is to read it. */
const toGo = (body: string, id: number, more = "", type = "application/json"): string =>
  `HTTP/1.1 200 OK\r\n${more}Micro-Id: ${id}\r\nX-Micro-Id: ${id}\r\nContent-Length: ${body.length}\r\n`
  + (body === "" ? "" : `Content-Type: ${type}\r\n`)
  + `Connection: keep-alive\r\nKeep-Alive: timeout=70\r\n\r\n${body}`

/** A response that is a failure: the error in a header, the text in the body, the status for our own kind. */
const errorToGo = (id: number, status: string, code: number, reason: string, detail: string, body = detail): string => {
  const error = JSON.stringify({ id: "orders", code, detail, status: reason })
  return toGo(
    body,
    id,
    `Micro-Error: ${error}\r\nX-Micro-Error: ${error}\r\nEffect-Micro-Status: ${status}\r\n`,
    status === "Error" ? "application/json" : "text/plain; charset=utf-8"
  )
}

describe("a service, to a client of Go Micro", () => {
  const live = network(MemoryRegistryLive)

  it.live("answers calls after each other on one connection, whatever becomes of each", () =>
    Effect.gen(function*() {
      const { port } = yield* served
      const client = yield* dial(port)
      const place = (json: string, id: number) => ask(client, fromGo("Orders.Place", json, id))
      assert.strictEqual(yield* place("{\"sku\":\"a\",\"count\":2}\n", 0), toGo("{\"id\":\"a-2\"}", 0))
      const error = "{\"_tag\":\"SoldOut\",\"left\":3}"
      assert.strictEqual(
        yield* place("{\"sku\":\"a\",\"count\":9}\n", 1),
        errorToGo(1, "Error", 422, "Unprocessable Entity", error)
      )
      assert.strictEqual(
        yield* ask(client, fromGo("Orders.Drop", "{}\n", 2)),
        errorToGo(2, "Unimplemented", 404, "Not Found", "orders has no method Orders.Drop")
      )
      assert.strictEqual(
        yield* ask(client, fromGo("Orders.die", "", 3)),
        errorToGo(3, "Defect", 500, "Internal Server Error", "a bug")
      )
      assert.strictEqual(yield* place("{\"sku\":\"z\",\"count\":1}\n", 4), toGo("{\"id\":\"z-1\"}", 4))
    }).pipe(Effect.provide(live)))

  it.live("says that a body is malformed, and that a service is elsewhere", () =>
    Effect.gen(function*() {
      const { port } = yield* served
      const client = yield* dial(port)
      for (const json of ["{\"sku\"", "{\"sku\":1}\n", "[]\n", "\xff"]) {
        const answer = yield* ask(client, fromGo("Orders.Place", json))
        assert.include(answer, "\r\nEffect-Micro-Status: Malformed\r\n")
        const error = JSON.parse(/\r\nMicro-Error: (.*)\r\n/.exec(answer)![1])
        assert.deepInclude(error, { id: "orders", code: 400, status: "Bad Request" })
        assert.strictEqual(error.detail, Buffer.from(body(answer), "latin1").toString("utf8").slice(0, 512))
      }
      const answer = yield* ask(client, fromGo("A.B", "{}").replace("Micro-Service: orders", "Micro-Service: stock"))
      assert.include(answer, "{\"id\":\"stock\",\"code\":404,\"detail\":\"rpc: can't find service stock\",")
    }).pipe(Effect.provide(live)))

  it.live("keeps the deadline of a call for it, and the connection for the next", () =>
    Effect.gen(function*() {
      const { port, seen } = yield* served
      const client = yield* dial(port)
      assert.strictEqual(
        yield* ask(client, fromGo("Orders.hold", "", 7, 20_000_000)),
        errorToGo(7, "DeadlineExceeded", 408, "Request Timeout", "The deadline of orders/Orders.hold has passed")
      )
      assert.deepStrictEqual(yield* Queue.takeN(seen, 2), ["started", "interrupted"])
      const answer = yield* ask(client, fromGo("Orders.Place", "{\"sku\":\"a\",\"count\":1}", 8))
      assert.strictEqual(answer, toGo("{\"id\":\"a-1\"}", 8))
    }).pipe(Effect.provide(live)))

  it.live("interrupts the handler of a client that has gone", () =>
    Effect.gen(function*() {
      const { port, seen } = yield* served
      const client = yield* dial(port)
      client.write(fromGo("Orders.hold", ""))
      assert.strictEqual(yield* Queue.take(seen), "started")
      client.socket.destroy()
      assert.strictEqual(yield* Queue.take(seen), "interrupted")
    }).pipe(Effect.provide(live)))
})

/** A request as curl writes it. */
const fromCurl = (path: string, body: string, more = "", method = "POST"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: h\r\nUser-Agent: curl/8.9.1\r\nAccept: */*\r\n${more}`
  + `Content-Length: ${body.length}\r\nContent-Type: application/json\r\n\r\n${body}`

describe("a service, to curl", () => {
  it.live("answers by HTTP status", () =>
    Effect.gen(function*() {
      const { port } = yield* served
      const client = yield* dial(port)
      const item = "{\"sku\":\"a\",\"count\":1}"
      const cases: ReadonlyArray<readonly [string, string, string]> = [
        [fromCurl("/orders/place", item), "200 OK", "{\"id\":\"a-1\"}"],
        [fromCurl("/orders/Orders.Place", item), "200 OK", "{\"id\":\"a-1\"}"],
        [
          fromCurl("/orders/place", item.replace("1", "9")),
          "422 Unprocessable Entity",
          "{\"_tag\":\"SoldOut\",\"left\":3}"
        ],
        [fromCurl("/orders/place", "{\"sku\""), "400 Bad Request", "Malformed"],
        [fromCurl("/orders/drop", "{}"), "404 Not Found", "orders has no method drop"],
        [fromCurl("/stock/place", "{}"), "404 Not Found", "can't find service stock"],
        [fromCurl("/orders/place", "", "", "GET"), "405 Method Not Allowed", "A call is a POST"],
        [fromCurl("/orders/place", "x".repeat(101)), "413 Payload Too Large", "over the limit of 100 bytes"],
        [fromCurl("/orders/place", "{}", "Content-Encoding: br\r\n"), "415 Unsupported Media Type", "br"],
        [
          fromCurl("/orders/place", item).replace("application/json", "text/xml"),
          "400 Bad Request",
          "Content type text/xml is not spoken here; application/json is"
        ],
        [fromCurl("/orders/die", ""), "500 Internal Server Error", "\"message\":\"a bug\""],
        [fromCurl("/orders/hold", "", "Timeout: 10000000\r\n"), "504 Gateway Timeout", "deadline of orders/hold"],
        [fromCurl("/orders/place", item), "200 OK", "{\"id\":\"a-1\"}"]
      ]
      for (const [request, status, part] of cases) {
        const answer = yield* ask(client, request)
        assert.strictEqual(answer.slice(0, answer.indexOf("\r\n")), `HTTP/1.1 ${status}`, request)
        if (part.startsWith("{")) assert.strictEqual(body(answer), part)
        else assert.include(body(answer), part)
      }
    }).pipe(Effect.provide(network(MemoryRegistryLive, { maxMessage: 100 }))))

  it.live("is overloaded above its number of calls", () =>
    Effect.gen(function*() {
      const { port, seen } = yield* served
      const [one, two] = yield* Effect.all([dial(port), dial(port)])
      const request = fromCurl("/orders/place", "{\"sku\":\"a\",\"count\":1}")
      one.write(fromCurl("/orders/hold", ""))
      assert.strictEqual(yield* Queue.take(seen), "started")
      assert.include(yield* ask(two, request), "HTTP/1.1 429 Too Many Requests\r\n")
      one.socket.destroy()
      assert.strictEqual(yield* Queue.take(seen), "interrupted")
      assert.include(yield* ask(two, request), "HTTP/1.1 200 OK\r\n")
    }).pipe(Effect.provide(network(MemoryRegistryLive, { maxCalls: 1 }))))

  it.live("is unavailable while it leaves", () =>
    Effect.gen(function*() {
      const { leave, port, seen } = yield* served
      const [one, two] = yield* Effect.all([dial(port), dial(port)])
      one.write(fromCurl("/orders/hold", ""))
      assert.strictEqual(yield* Queue.take(seen), "started")
      const leaving = yield* Effect.forkChild(leave, { startImmediately: true })
      const refused = yield* ask(two, fromCurl("/orders/place", "{}"))
      assert.include(refused, "HTTP/1.1 503 Service Unavailable\r\n")
      assert.include(body(refused), "This instance of orders is leaving")
      assert.isUndefined(leaving.pollUnsafe())
      one.socket.destroy()
      yield* Fiber.await(leaving)
      yield* two.closed
    }).pipe(Effect.provide(network(MemoryRegistryLive))))
})

class GoError extends Schema.Error<GoError>("GoError")({
  id: Schema.String,
  code: Schema.Int,
  detail: Schema.String,
  status: Schema.String
}) {}

/** A service of Go Micro, as somebody here knows it. */
class Greeter extends Contract.Service<Greeter>()("go.greeter", {
  hello: Contract.method({
    payload: { name: Schema.String },
    success: Schema.Struct({ msg: Schema.String }),
    error: GoError,
    endpoint: "Say.Hello"
  }),
  wave: Contract.method({ endpoint: "Say.Wave" })
}) {}

/** A Go Micro service that answers each request with what comes next, and shuts the connection on what is empty. */
const goService = (...answers: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const requests = yield* Queue.unbounded<string>()
    const rest = [...answers]
    const context = yield* Effect.context<never>()
    let connections = 0
    const url = yield* listen((connection) => {
      connections++
      const answer = Effect.tap(connection.message, (request) => {
        const next = rest.shift()
        if (next === "") connection.socket.destroy()
        else if (next !== undefined) connection.write(Buffer.from(next, "latin1"))
        return Queue.offer(requests, request)
      })
      const fiber = Effect.runForkWith(context)(Effect.forever(answer))
      connection.socket.once("close", () => fiber.interruptUnsafe())
    })
    const built = yield* Layer.build(
      Rpc.layerClient(Greeter).pipe(
        Layer.provide(network(StaticRegistry.layer({ "go.greeter": [url.href] })))
      )
    )
    return { greeter: Context.get(built, Greeter), requests, url, connections: () => connections }
  })

/** A response as Go Micro's server writes it: the headers of the request come back. */
const fromGoServer = (body: string, more = "", type = "application/json"): string =>
  "HTTP/1.1 200 OK\r\nAccept: application/json\r\n"
  + `Content-Length: ${body.length}\r\nContent-Type: ${type}\r\nMicro-Endpoint: Say.Hello\r\n${more}`
  + `Micro-Id: 0\r\nMicro-Service: go.greeter\r\nTimeout: 5000000000\r\nX-Micro-Id: 0\r\n\r\n${body}`

describe("a client, to a service of Go Micro", () => {
  it.live("writes and reads these bytes, call after call on connections that are kept", () =>
    Effect.gen(function*() {
      const answer = fromGoServer("{\"msg\":\"Hello Zo\xc3\xab\"}\n")
      const { connections, greeter, requests, url } = yield* goService(answer, fromGoServer(""), answer, answer)
      assert.deepStrictEqual(yield* greeter.hello({ name: "Zoë" }), { msg: "Hello Zoë" })
      assert.isUndefined(yield* greeter.wave().pipe(Rpc.withHeaders({ "Micro-From-Service": "web" })))
      const head = (endpoint: string, id: number): string =>
        `POST / HTTP/1.1\r\nhost: ${url.host}\r\nconnection: keep-alive\r\n`
        + "Accept: application/json\r\nContent-Type: application/json\r\n"
        + `Micro-Endpoint: ${endpoint}\r\nMicro-Id: ${id}\r\nMicro-Method: ${endpoint}\r\n`
        + "Micro-Service: go.greeter\r\nTimeout: 5000000000\r\n"
      assert.deepStrictEqual(yield* Queue.takeN(requests, 2), [
        `${head("Say.Hello", 0)}content-length: 15\r\n\r\n{"name":"Zo\xc3\xab"}`,
        `${head("Say.Wave", 1)}micro-from-service: web\r\ncontent-length: 0\r\n\r\n`
      ])
      yield* greeter.hello({ name: "" })
      yield* greeter.hello({ name: "" })
      // Two take turns: one that has just answered rests until the next turn of the event loop, in case it is closed.
      assert.isAtMost(connections(), 2)
    }))

  it.live("has the errors of its handlers as the contract's own", () =>
    Effect.gen(function*() {
      const error = { id: "go.greeter", code: 409, detail: "who?", status: "Conflict" }
      const { greeter } = yield* goService(
        fromGoServer("", `Micro-Error: ${JSON.stringify(error)}\r\n`),
        fromGoServer("", "Micro-Error: {\"id\":\"a\",\"code\":400}\r\n"),
        fromGoServer("", "Micro-Error: out of stock\r\n")
      )
      const hello = Effect.flip(greeter.hello({ name: "" }))
      assert.deepStrictEqual(yield* hello, new GoError(error))
      assert.deepStrictEqual(yield* hello, new GoError({ id: "a", code: 400, detail: "", status: "" }))
      assert.deepStrictEqual(yield* hello, new GoError({ id: "", code: 0, detail: "out of stock", status: "" }))
    }))

  it.live.each([
    ["RemoteDefect", "who?", fromGoServer("", "Micro-Error: who?\r\n")],
    ["DeadlineExceeded", "deadline", fromGoServer("", "Micro-Error: {\"code\":408,\"detail\":\"late\"}\r\n")],
    [
      "Malformed",
      "Answered in text/plain instead of application/json: unsupported content-type: application/json",
      fromGoServer("unsupported content-type: application/json", "", "text/plain")
    ],
    ["Malformed", "", fromGoServer("{")],
    ["Disconnected", "", ""]
  ])("knows what else went wrong: %s, %s", ([reason, part, answer]) =>
    Effect.gen(function*() {
      const { greeter } = yield* goService(answer)
      const error: RpcError = yield* Effect.flip(greeter.wave())
      assert.strictEqual(error.reason._tag, reason)
      assert.include(error.message, part)
    }))

  it.live("moves on from a service without the method, until there is no other", () =>
    Effect.gen(function*() {
      const { greeter } = yield* goService(fromGoServer("", "Micro-Error: rpc: can't find method Say.Wave\r\n"))
      const error: RpcError = yield* Effect.flip(greeter.wave())
      assert.strictEqual(error.reason._tag, "Unimplemented")
      assert.include(error.message, "rpc: can't find method Say.Wave")
    }))

  it.live("leaves a handler that misses the deadline, which Go only tells it", () =>
    Effect.gen(function*() {
      const { connections, greeter, requests } = yield* goService()
      const error = yield* Effect.flip(greeter.wave().pipe(Rpc.withTimeout("50 millis")))
      assert.strictEqual(error.reason._tag, "DeadlineExceeded")
      const timeout = Number(/\r\nTimeout: (\d+)\r\n/.exec(yield* Queue.take(requests))![1])
      assert.isTrue(timeout > 0 && timeout <= 50_000_000)
      assert.strictEqual(connections(), 1)
    }))
})
