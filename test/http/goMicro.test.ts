import { assert, describe, it } from "@effect/vitest"
import * as GoMicro from "../../src/internal/http/goMicro.ts"
import * as HeaderText from "../../src/internal/http/headerText.ts"
import * as Metadata from "../../src/internal/http/metadata.ts"
import * as Paths from "../../src/internal/http/paths.ts"
import { failure } from "../../src/Transport.ts"
import { call, text } from "./sockets.ts"

describe("Go Micro's headers", () => {
  it("spells a call as its clients do", () => {
    assert.deepStrictEqual(GoMicro.requestHeaders(call("Orders.Place", { timeout: 1500.25 }), 7), [
      "Accept",
      "application/json",
      "Content-Type",
      "application/json",
      "Micro-Endpoint",
      "Orders.Place",
      "Micro-Id",
      "7",
      "Micro-Method",
      "Orders.Place",
      "Micro-Service",
      "orders",
      "Timeout",
      "1500250000"
    ])
  })

  it("says no deadline where there is none", () => {
    assert.notInclude(GoMicro.requestHeaders(call("a"), 0), "Timeout")
    assert.notInclude(GoMicro.requestHeaders(call("a", { timeout: Infinity }), 0), "Timeout")
  })

  it("reads nanoseconds, and overlooks what is not a number", () => {
    assert.strictEqual(GoMicro.parseTimeout("5000000000"), 5000)
    assert.strictEqual(GoMicro.parseTimeout("1"), 0.000001)
    for (const text of [undefined, "", "-1", "5s", "1e9", "0x10"]) assert.isUndefined(GoMicro.parseTimeout(text))
  })

  it.each([
    [failure("Unimplemented", "no such thing"), 404, "no such thing", "Not Found"],
    [failure("Malformed", "bad"), 400, "bad", "Bad Request"],
    [failure("DeadlineExceeded", "late"), 408, "late", "Request Timeout"],
    [failure("Overloaded", "busy", 10), 429, "busy", "Too Many Requests"],
    [failure("Unavailable", "closing"), 503, "closing", "Service Unavailable"],
    [failure("Defect", "oh"), 500, "oh", "Internal Server Error"],
    [failure("Error", "{\"_tag\":\"SoldOut\"}"), 422, "{\"_tag\":\"SoldOut\"}", "Unprocessable Entity"],
    [failure("Error", Uint8Array.of(0xff, 0xfe)), 422, "a declared error of 2 bytes", "Unprocessable Entity"],
    [failure("Error", "a\nb"), 422, "a declared error of 3 bytes", "Unprocessable Entity"]
  ])("gives each failure a code: %o", (reply, code, detail, status) => {
    assert.deepStrictEqual(JSON.parse(GoMicro.formatError("orders", reply)), { id: "orders", code, detail, status })
  })

  it("writes an error in ASCII on one line, exactly", () => {
    assert.strictEqual(
      GoMicro.formatError("orders", failure("Defect", "Zürich 🚲\r\n\x7f")),
      "{\"id\":\"orders\",\"code\":500,\"detail\":\"Z\\u00fcrich \\ud83d\\udeb2\\r\\n\\u007f\",\"status\":\"Internal Server Error\"}"
    )
  })

  it("passes a declared error of Go's own shape as it is", () => {
    const own = "{\"id\":\"x\",\"code\":409,\"detail\":\"taken\",\"status\":\"Conflict\"}"
    assert.strictEqual(GoMicro.formatError("orders", failure("Error", own)), own)
    const more = "{\"id\":\"x\",\"code\":409,\"detail\":\"taken\",\"status\":\"Conflict\",\"left\":3}"
    assert.strictEqual(JSON.parse(GoMicro.formatError("orders", failure("Error", more))).detail, more)
  })

  it("keeps an error header below the limits of common clients", () => {
    const long = JSON.stringify({ id: "ü".repeat(9000), code: 409, detail: "", status: "" })
    for (const reply of [failure("Defect", "ü".repeat(9000)), failure("Error", long)]) {
      assert.isBelow(GoMicro.formatError("orders", reply).length, 4096)
    }
  })

  it.each([
    ["rpc: can't find service Foo.Bar", "Unimplemented", "rpc: can't find service Foo.Bar"],
    ["rpc: can't find method Foo.Bar", "Unimplemented", "rpc: can't find method Foo.Bar"],
    ["rpc: service/endpoint request ill-formed: x", "Malformed", "rpc: service/endpoint request ill-formed: x"],
    [
      "{\"id\":\"go.micro.client\",\"code\":408,\"detail\":\"late\",\"status\":\"Request Timeout\"}",
      "DeadlineExceeded",
      "late"
    ],
    [
      "{\"id\":\"a\",\"code\":404,\"detail\":\"nope\",\"status\":\"Not Found\"}",
      "Error",
      "{\"id\":\"a\",\"code\":404,\"detail\":\"nope\",\"status\":\"Not Found\"}"
    ],
    ["{\"code\":409}", "Error", "{\"id\":\"\",\"code\":409,\"detail\":\"\",\"status\":\"\"}"],
    ["out of stock", "Error", "{\"id\":\"\",\"code\":0,\"detail\":\"out of stock\",\"status\":\"\"}"],
    ["{\"a\":1}", "Error", "{\"id\":\"\",\"code\":0,\"detail\":\"{\\\"a\\\":1}\",\"status\":\"\"}"],
    ["{broken", "Error", "{\"id\":\"\",\"code\":0,\"detail\":\"{broken\",\"status\":\"\"}"],
    ["Z\xc3\xbcrich", "Error", "{\"id\":\"\",\"code\":0,\"detail\":\"Zürich\",\"status\":\"\"}"]
  ])("understands the error %s", (header, status, body) => {
    const reply = GoMicro.parseError(header)
    assert.strictEqual(reply.status, status)
    assert.strictEqual(text(reply), body)
  })
})

describe("text in headers", () => {
  it("travels as UTF-8 octets and comes back", () => {
    assert.strictEqual(HeaderText.encode("Zürich"), "Z\xc3\xbcrich")
    for (const value of ["", "plain", "Zürich", "日本語", "🚲"]) {
      assert.strictEqual(HeaderText.decode(HeaderText.encode(value)), value)
    }
  })

  it("is taken for Latin-1 when it is not UTF-8", () => {
    assert.strictEqual(HeaderText.decode("Z\xfcrich"), "Z\xfcrich")
  })

  it("cannot start another header", () => {
    assert.strictEqual(HeaderText.encode("a\r\nHost: b\0\x7f"), "a  Host: b  ")
  })
})

describe("metadata", () => {
  it("is parted from the headers that steer", () => {
    const { control, metadata } = Metadata.part([
      "Host",
      "h",
      "Micro-Id",
      "1",
      "Micro-Id",
      "2",
      "Micro-From-Service",
      "web",
      "X-User",
      "Z\xc3\xbcrich",
      "x-user",
      "again",
      "__proto__",
      "evil",
      "Constructor",
      "c"
    ])
    assert.deepStrictEqual(control, { host: "h", "micro-id": "1" })
    assert.deepStrictEqual(metadata, { "micro-from-service": "web", "x-user": "Zürich", constructor: "c" })
    assert.strictEqual(Object.getPrototypeOf(metadata), Object.prototype)
  })

  it("cannot set a header that steers", () => {
    const list: Array<string> = []
    Metadata.append(list, {
      host: "evil",
      "Micro-Error": "x",
      "content-length": "0",
      "effect-micro-status": "Error",
      a: "1"
    })
    assert.deepStrictEqual(list, ["a", "1"])
  })
})

describe("paths", () => {
  it.each([
    ["/orders/place", { service: "orders", method: "place" }],
    ["/orders/Orders.place?x=/y", { service: "orders", method: "Orders.place" }],
    ["/my%2Forders/pl%C3%A4ce", { service: "my/orders", method: "pläce" }],
    ["/", "NotACall"],
    ["/orders", "NotACall"],
    ["/orders/", "NotACall"],
    ["//place", "NotACall"],
    ["/orders/place/more", "NotACall"],
    ["*", "NotACall"],
    ["http://a/b/c", "NotACall"],
    ["/orders/%zz", "Malformed"],
    ["/%ff/place", "Malformed"]
  ])("reads %s", (path, expected) => {
    assert.deepStrictEqual(Paths.parse(path), expected as Paths.Parsed)
  })
})
