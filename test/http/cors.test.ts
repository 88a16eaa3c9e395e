/** Pages of other origins: what their browsers are told, and who is refused before a handler runs. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Cors from "../../src/internal/http/cors.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { failure } from "../../src/Transport.ts"
import type { Raw } from "./sockets.ts"
import { dial, echo, exchange, serve } from "./sockets.ts"

const shop = "https://shop.example"
const evil = "https://evil.example"

const ask = (client: Raw, request: string): Effect.Effect<string> =>
  Effect.suspend(() => {
    client.write(request)
    return client.message
  })

const call = (more: string, method = "POST", path = "/orders/place"): string =>
  `${method} ${path} HTTP/1.1\r\nHost: api.example\r\nContent-Length: 2\r\n${more}\r\n{}`

const preflight = (origin: string): string =>
  `OPTIONS /orders/place HTTP/1.1\r\nHost: api.example\r\nOrigin: ${origin}\r\n`
  + "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type,timeout\r\n\r\n"

const head = (message: string): ReadonlyArray<string> =>
  message.slice(0, message.indexOf("\r\n\r\n")).split("\r\n").filter((line) => !/^(Connection|Keep-Alive):/.test(line))

const counted = () => {
  let calls = 0
  return {
    calls: () => calls,
    exchange: exchange((_, message) => Effect.sync(() => (calls++, message)))
  }
}

describe("a port without cors", () => {
  it.live("refuses the pages of other origins before a handler runs, whatever their browsers send unasked", () =>
    Effect.gen(function*() {
      const { calls, exchange } = counted()
      const { port } = yield* serve({ orders: exchange })
      const client = yield* dial(port)
      const foreign = [
        `Origin: ${shop}\r\n`,
        "Origin: null\r\n",
        "Origin: http://api.example:81\r\n",
        `Origin: ${shop}\r\nContent-Type: text/plain\r\n`,
        `Origin: http://api.example\r\nSec-Fetch-Site: cross-site\r\n`,
        "Sec-Fetch-Site: same-site\r\n"
      ]
      for (const headers of foreign) {
        const answer = yield* ask(client, call(headers))
        assert.strictEqual(head(answer)[0], "HTTP/1.1 403 Forbidden", headers)
        assert.include(answer, "may not call here: the port has no cors")
        assert.notInclude(answer, "Access-Control")
      }
      assert.strictEqual(calls(), 0)
      assert.strictEqual(head(yield* ask(client, preflight(shop)))[0], "HTTP/1.1 403 Forbidden")
    }))

  it.live("answers its own pages, and whoever is no page", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const own = [
        "",
        "Origin: http://api.example\r\n",
        "Origin: http://before.the.proxy\r\nSec-Fetch-Site: same-origin\r\n",
        "Sec-Fetch-Site: none\r\n"
      ]
      for (const headers of own) {
        const answer = yield* ask(client, call(headers))
        assert.strictEqual(head(answer)[0], "HTTP/1.1 200 OK", headers)
        assert.notInclude(answer, "Vary")
      }
    }))

  it.live("takes the calls that a gateway of Go Micro passes on, with all the headers of its page", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo })
      const client = yield* dial(port)
      const answer = yield* ask(client, call(`Origin: ${shop}\r\nMicro-Endpoint: Orders.Place\r\n`, "POST", "/"))
      assert.strictEqual(head(answer)[0], "HTTP/1.1 200 OK")
    }))
})

describe("a port with cors", () => {
  const cors = Cors.make({ origins: [shop, "http://localhost:5173"], headers: ["Authorization"] })

  it.live("tells a page that may call what it may send, and for how long to remember it", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo }, { cors })
      const client = yield* dial(port)
      assert.deepStrictEqual(head(yield* ask(client, preflight(shop))), [
        "HTTP/1.1 204 No Content",
        `Access-Control-Allow-Origin: ${shop}`,
        "Access-Control-Allow-Methods: GET, POST",
        "Access-Control-Allow-Headers: Content-Type, Timeout, Micro-Service, Micro-Endpoint, Last-Event-ID, "
        + "traceparent, tracestate, baggage, Authorization",
        "Access-Control-Max-Age: 7200",
        "Vary: Origin"
      ])
    }))

  it.live("lets it read the answer, and how a call failed", () =>
    Effect.gen(function*() {
      const replies = [new TextEncoder().encode("1"), failure("Overloaded", "busy", 500)]
      const { port } = yield* serve({ orders: exchange(() => Effect.sync(() => replies.shift()!)) }, { cors })
      const client = yield* dial(port)
      for (const status of ["200 OK", "429 Too Many Requests"]) {
        const lines = head(yield* ask(client, call(`Origin: ${shop}\r\n`)))
        assert.strictEqual(lines[0], `HTTP/1.1 ${status}`)
        assert.include(lines, `Access-Control-Allow-Origin: ${shop}`)
        assert.include(lines, "Vary: Origin")
        assert.include(
          lines,
          "Access-Control-Expose-Headers: Effect-Micro-Status, Effect-Micro-Retry-After, Retry-After, Micro-Error"
        )
        assert.notInclude(lines.join(), "Allow-Credentials")
      }
    }))

  it.live("refuses every other page, and never writes its origin down", () =>
    Effect.gen(function*() {
      const { calls, exchange } = counted()
      const { port } = yield* serve({ orders: exchange }, { cors })
      const client = yield* dial(port)
      for (const origin of [evil, `${shop}.evil.example`, "http://shop.example", `${shop}:444`, "null"]) {
        for (const request of [preflight(origin), call(`Origin: ${origin}\r\n`)]) {
          const lines = head(yield* ask(client, request))
          assert.strictEqual(lines[0], "HTTP/1.1 403 Forbidden", origin)
          assert.include(lines, "Vary: Origin")
          assert.notInclude(lines.join("\n"), "Access-Control")
        }
      }
      // A request that does not tell from which page it is cannot be of one that is listed.
      const hidden = yield* ask(client, call("Sec-Fetch-Site: cross-site\r\n"))
      assert.strictEqual(head(hidden)[0], "HTTP/1.1 403 Forbidden")
      assert.strictEqual(calls(), 0)
    }))

  it.live("says with credentials that it takes them, and to all the world what does not vary", () =>
    Effect.gen(function*() {
      const both = [{ origins: [shop], credentials: true, maxAge: 90_500 }, { origins: "*" }] as const
      const [private_, public_] = yield* Effect.forEach(both, (options) =>
        Effect.gen(function*() {
          const client = yield* dial((yield* serve({ orders: echo }, { cors: Cors.make(options) })).port)
          return [
            ...head(yield* ask(client, preflight(shop))),
            ...head(yield* ask(client, call(`Origin: ${shop}\r\n`)))
          ]
        }))
      assert.strictEqual(private_.filter((line) => line === "Access-Control-Allow-Credentials: true").length, 2)
      assert.include(private_, "Access-Control-Max-Age: 90")
      assert.strictEqual(public_.filter((line) => line === "Access-Control-Allow-Origin: *").length, 2)
      assert.notInclude(public_.join(), "Vary")
      assert.notInclude(public_.join(), "Credentials")
    }))

  it.live("is a transport with the option of that name", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1", cors: { origins: [shop] } })
      const client = yield* dial(Number(new URL(yield* transport.listen("orders", echo)).port))
      const answers = [yield* ask(client, preflight(shop)), yield* ask(client, preflight(evil))]
      assert.deepStrictEqual(answers.map((answer) => head(answer)[0]), [
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 403 Forbidden"
      ])
    }))

  it.live("answers a page by the headers of Go Micro, too", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo }, { cors })
      const client = yield* dial(port)
      const answer = yield* ask(client, call(`Origin: ${shop}\r\nMicro-Endpoint: Orders.Place\r\n`, "POST", "/"))
      assert.include(head(answer), `Access-Control-Allow-Origin: ${shop}`)
    }))

  it.live("takes an OPTIONS that asks for nothing for a call that is none", () =>
    Effect.gen(function*() {
      const { port } = yield* serve({ orders: echo }, { cors })
      const client = yield* dial(port)
      const lines = head(yield* ask(client, call(`Origin: ${shop}\r\n`, "OPTIONS")))
      assert.strictEqual(lines[0], "HTTP/1.1 405 Method Not Allowed")
    }))
})

describe("options of cors that make no sense", () => {
  const cases: ReadonlyArray<readonly [Cors.Options, string]> = [
    [{ origins: [] }, "no origin is listed"],
    [{ origins: ["https://shop.example/"] }, "a scheme and a host, https://shop.example"],
    [{ origins: ["https://shop.example/cart"] }, "a scheme and a host, https://shop.example"],
    [{ origins: ["https://Shop.example"] }, "browsers write it https://shop.example"],
    [{ origins: ["https://shop.example:443"] }, "browsers write it https://shop.example"],
    [{ origins: ["https://user@shop.example"] }, "a scheme and a host, https://shop.example"],
    [{ origins: ["shop.example"] }, "a scheme and a host, https://shop.example for one"],
    [{ origins: ["https://*.shop.example"] }, "there are no patterns"],
    [{ origins: ["*"] }, "there are no patterns"],
    [{ origins: ["null"] }, "every page without one says"],
    [{ origins: "*", credentials: true }, "may not call with credentials"],
    [{ origins: [shop], headers: ["a b"] }, "\"a b\" is no name of a header"],
    [{ origins: [shop], headers: ["*"] }, "\"*\" is no name of a header"],
    [{ origins: [shop], maxAge: "Infinity" }, "maxAge is no length of time"]
  ]
  it.each(cases)("%j are refused when the port is made", (options, why) => {
    assert.throws(() => Cors.make(options), RangeError, why)
  })

  it.live("are a defect of the layer, and not of its first call", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(HttpTransport.make({ cors: { origins: ["null"] } }))
      assert.isTrue(exit._tag === "Failure" && Cause.hasDies(exit.cause))
    }))

  it("do not include the origins of apps", () => {
    Cors.make({ origins: ["capacitor://localhost", "chrome-extension://abcdefgh"] })
  })
})
