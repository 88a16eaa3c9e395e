import { assert, describe, it } from "@effect/vitest"
import { gzipSync } from "node:zlib"
import * as ContentType from "../../src/internal/grpc/contentType.ts"
import * as Details from "../../src/internal/grpc/details.ts"
import * as Framing from "../../src/internal/grpc/framing.ts"
import * as Messages from "../../src/internal/grpc/messages.ts"
import * as Metadata from "../../src/internal/grpc/metadata.ts"
import * as Outcome from "../../src/internal/grpc/outcome.ts"
import * as Paths from "../../src/internal/grpc/paths.ts"
import * as Percent from "../../src/internal/grpc/percent.ts"
import * as Preface from "../../src/internal/grpc/preface.ts"
import { codes } from "../../src/internal/grpc/statusCodes.ts"
import * as Timeout from "../../src/internal/grpc/timeout.ts"
import { failure, isFailure, type Reply, type Status } from "../../src/Transport.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { record } from "./record.ts"

describe("a message of gRPC", () => {
  it("has a flag and a length ahead of it", () => {
    assert.deepStrictEqual(Framing.pack([bytes("ab"), bytes("")]).toString("hex"), "000000000261620000000000")
    assert.deepStrictEqual(Framing.pack([bytes("no")], Framing.Flag.Error).toString("hex"), "80000000026e6f")
  })

  it("is found wherever the reads are cut", () => {
    const words = ["", "a", "bc".repeat(300), "", "d"]
    const packed = Framing.pack(words.map(bytes))
    for (const size of [1, 2, 5, 7, 600, packed.length]) {
      const cutter = Framing.cutter(600)
      const found: Array<string> = []
      for (let start = 0; start < packed.length; start += size) {
        const frames = cutter.cut(packed.subarray(start, start + size))
        if (typeof frames === "number") throw new Error("over the limit")
        found.push(...frames.map(({ bytes }) => text(bytes)))
      }
      assert.deepStrictEqual(found, words)
      assert.isTrue(cutter.isWhole())
    }
    const half = Framing.cutter(600)
    half.cut(packed.subarray(0, 3))
    assert.isFalse(half.isWhole())
  })

  it("is refused by the length that it claims, before it is there", () => {
    assert.strictEqual(Framing.cutter(10).cut(Buffer.from("000000000b", "hex")), 11)
    assert.strictEqual(Framing.cutter(10).cut(Buffer.from("00ffffffff", "hex")), 2 ** 32 - 1)
  })

  it("is unpacked up to the limit, where its encoding is known", () => {
    const packed = (content: Uint8Array) => Framing.pack([gzipSync(content)], Framing.Flag.Compressed)
    const read = (content: Buffer, isGzip = true) => {
      const messages = Messages.reader(1000, () => isGzip).read(content)
      return "message" in messages ? `${messages.isLarge ? "large" : "bad"}` : text(messages[0].bytes)
    }
    assert.strictEqual(read(packed(bytes("ab"))), "ab")
    assert.strictEqual(read(packed(new Uint8Array(1001))), "large")
    assert.strictEqual(read(packed(bytes("ab")), false), "bad")
    assert.strictEqual(read(Framing.pack([bytes("ab")], Framing.Flag.Compressed)), "bad")
    assert.strictEqual(read(Framing.pack([bytes("ab")], 2)), "bad")
  })
})

describe("the timeout of a call", () => {
  it.each([
    ["1n", 1e-6],
    ["250u", 0.25],
    ["60000000u", 60_000],
    ["99999999m", 99_999_999],
    ["7S", 7000],
    ["2M", 120_000],
    ["1H", 3_600_000]
  ])("%s is read as %d ms", (header, millis) => assert.strictEqual(Timeout.parse(header), millis))

  it.each(["", "1", "m", "1x", "-1m", "1.5S", "123456789m", " 1m"])("%s is none", (header) => {
    assert.isUndefined(Timeout.parse(header))
  })

  it("is written in eight digits, never shorter than it is", () => {
    assert.deepStrictEqual(
      [1e-9, 0.25, 60_000, 99_999.999, 100_000, 1e8, 1e11, 1e13, 1e300].map(Timeout.format),
      ["1u", "250u", "60000000u", "99999999u", "100000m", "100000S", "1666667M", "2777778H", "99999999H"]
    )
  })
})

describe("the message of a failure", () => {
  it("is percent-encoded UTF-8", () => {
    assert.strictEqual(Percent.encode("50% für ✓\n"), "50%25 f%C3%BCr %E2%9C%93%0A")
    for (const words of ["", "plain", "50% für ✓\n", "%zz"]) {
      assert.strictEqual(Percent.decode(Percent.encode(words)), words)
    }
    assert.strictEqual(Percent.decode("100%, %C3%BC, %x"), "100%, ü, %x")
  })

  it("is cut between two characters where it is long", () => {
    const decoded = Percent.decode(Percent.encode("ü".repeat(Percent.limit)))
    assert.strictEqual(decoded, "ü".repeat(Percent.limit / 2))
    assert.strictEqual(Percent.decode(Percent.encode(`a${"ü".repeat(Percent.limit)}`)).length, Percent.limit / 2)
  })
})

describe("the content type of a call", () => {
  it.each([
    ["application/protobuf", "application/grpc+proto"],
    ["application/json", "application/grpc+json"],
    ["application/msgpack", "application/grpc+msgpack"]
  ])("%s is %s", (contentType, form) => {
    assert.strictEqual(ContentType.format(contentType), form)
    assert.strictEqual(ContentType.parse(form), contentType)
    assert.strictEqual(ContentType.parse(`${form}; charset=utf-8`), contentType)
    assert.isTrue(ContentType.isPlain(contentType))
  })

  it("is protobuf where nothing else is said, and none where it is not of gRPC", () => {
    assert.strictEqual(ContentType.parse("application/grpc"), "application/protobuf")
    assert.strictEqual(ContentType.parse("application/grpc;v=1"), "application/protobuf")
    for (const other of ["", "application/json", "application/grpc-web", "application/grpcx"]) {
      assert.isUndefined(ContentType.parse(other))
    }
    assert.isFalse(ContentType.isPlain("text/plain"))
  })
})

describe("the path of a call", () => {
  const services = ["orders", "acme.stock", "my-shop"]
  it.each([
    ["orders", "place", "orders", "place"],
    ["orders", "Orders.place", "orders", "Orders.place"],
    ["orders.Orders", "place", "orders", "Orders.place"],
    ["acme.stock.Stock", "take", "acme.stock", "Stock.take"],
    ["acme.stock", "take", "acme.stock", "take"],
    ["orders._", "place", "orders", "place"],
    ["my_shop.My_shop", "open", "my-shop", "My-shop.open"],
    ["my_shop.Doors", "open", "my-shop", "Doors.open"]
  ])("/%s/%s leads to %s and %s", (service, method, ...target) => {
    const found = Paths.resolve({ service, method }, services)
    assert.deepStrictEqual([found?.service, found?.method], target)
  })

  it("leads nowhere where nobody is meant", () => {
    for (const service of ["", "Orders", "stock", "acme", "strange.Orders", "orders.v1.Orders"]) {
      assert.isUndefined(Paths.resolve({ service, method: "place" }, services))
    }
  })

  it("is written so that others know it, and between two of us so that it cannot be mistaken", () => {
    const target = { service: "helloworld", method: "Greeter.SayHello" }
    assert.strictEqual(Paths.format(target, false), "/helloworld.Greeter/SayHello")
    assert.strictEqual(Paths.format(target, true), "/helloworld/Greeter.SayHello")
    assert.strictEqual(Paths.format({ service: "größe", method: "a/b" }, false), "/gr%C3%B6%C3%9Fe/a%2Fb")
  })
})

describe("metadata", () => {
  const there = (metadata: Readonly<Record<string, string>>) => {
    const headers: Array<string> = []
    Metadata.append(headers, metadata)
    return record(headers)
  }

  it("is as gRPC has it where that is possible, and arrives in any case", () => {
    assert.deepStrictEqual(there({ "x-origin": "till 7", "x-bin": "aGk=" }), { "x-origin": "till 7", "x-bin": "aGk=" })
    const odd = { "x-größe": "m", "x-city": "Zürich", "x-space": " a ", "X-Upper": "U", "raw-bin": "no base64!" }
    const headers = there(odd)
    assert.deepStrictEqual(Object.keys(headers), ["effect-micro-metadata-bin"])
    assert.deepStrictEqual(Metadata.read(headers)?.metadata, odd)
  })

  it("neither sets nor fakes what steers the lane", () => {
    const steering = { "grpc-timeout": "1n", ":path": "/x/y", "content-type": "a/b", te: "x", "effect-micro": "unary" }
    assert.deepStrictEqual(there(steering), {})
    const faked = Buffer.from(JSON.stringify(Object.entries(steering))).toString("base64")
    assert.deepStrictEqual(Metadata.read({ ...steering, "effect-micro-metadata-bin": faked })?.metadata, {})
  })

  it("that cannot be read is told from metadata that is not there", () => {
    assert.deepStrictEqual(Metadata.read({})?.metadata, {})
    for (const json of ["{", "{}", "[1]", "[[\"a\"]]", "[[\"a\",1]]"]) {
      const header = Buffer.from(json).toString("base64")
      assert.isUndefined(Metadata.read({ "effect-micro-metadata-bin": header }))
    }
  })
})

describe("the end of a call", () => {
  const seen = (outcome: Outcome.Outcome | Reply) =>
    outcome instanceof Error
      ? outcome.message
      : typeof outcome === "string" || !isFailure(outcome)
      ? outcome
      : [outcome.status, text(outcome), outcome.retryAfter]
  const json = call("a", { contentType: "application/json" })
  const protobuf = call("a", { contentType: "application/protobuf" })

  it.each<[Record<string, string | number>, unknown]>([
    [{ "grpc-status": "0" }, "done"],
    [{ "grpc-status": "1", "grpc-message": "gone" }, "gone"],
    [{ "grpc-status": "2", "grpc-message": "hm" }, ["Error", "{\"code\":2,\"message\":\"hm\"}", undefined]],
    [{ "grpc-status": "3" }, ["Error", "{\"code\":3,\"message\":\"\"}", undefined]],
    [{ "grpc-status": "4" }, ["DeadlineExceeded", "", undefined]],
    [{ "grpc-status": "5", "grpc-message": "no%25" }, ["Error", "{\"code\":5,\"message\":\"no%\"}", undefined]],
    [{ "grpc-status": "8", "grpc-retry-pushback-ms": "20" }, ["Overloaded", "", 20]],
    [{ "grpc-status": "8", "grpc-retry-pushback-ms": "-1" }, ["Overloaded", "", Infinity]],
    [{ "grpc-status": "12" }, ["Unimplemented", "", undefined]],
    [{ "grpc-status": "13" }, ["Defect", "", undefined]],
    [{ "grpc-status": "14" }, "the answer is the code 14 of gRPC"],
    [{ "grpc-status": "15" }, ["Defect", "", undefined]],
    [{ "grpc-status": "16" }, ["Error", "{\"code\":16,\"message\":\"\"}", undefined]],
    [{ "grpc-status": "x" }, ["Error", "{\"code\":2,\"message\":\"\"}", undefined]],
    [{ "grpc-status": "14", "effect-micro-status": "Unavailable" }, ["Unavailable", "", undefined]],
    [{}, "the answer ended without a status of gRPC"],
    [{ ":status": 404 }, ["Unimplemented", "", undefined]],
    [{ ":status": 503 }, "the answer is the code 14 of gRPC"],
    [{ ":status": 403 }, ["Error", "{\"code\":7,\"message\":\"\"}", undefined]]
  ])("%o is %o", (trailers, expected) => {
    assert.deepStrictEqual(seen(Outcome.read(json, trailers as Outcome.Headers, undefined)), expected)
  })

  it("has a code of gRPC for each status", () => {
    const expected: Record<Status, number> = {
      Error: 9,
      Defect: 13,
      Unimplemented: 12,
      Malformed: 3,
      Unavailable: 14,
      DeadlineExceeded: 4,
      Overloaded: 8
    }
    assert.deepStrictEqual({ ...codes }, expected)
  })

  it("is a google.rpc.Status where others failed and protobuf is spoken", () => {
    const end = (trailers: Record<string, string>) => Outcome.read(protobuf, trailers, undefined)
    const body = (outcome: Outcome.Outcome) =>
      outcome instanceof Error || outcome === "done" ? outcome : Buffer.from(outcome.body).toString("hex")
    assert.strictEqual(body(end({ "grpc-status": "5", "grpc-message": "no" })), "080512026e6f")
    const details = Buffer.from("080512027965", "hex").toString("base64")
    assert.strictEqual(body(end({ "grpc-status": "5", "grpc-status-details-bin": details })), "080512027965")
  })

  it("carries a declared error to others in a type that they have", () => {
    const detail = Buffer.from(Details.ofError(9, "no", bytes("{}"), "application/json"), "base64")
    assert.deepStrictEqual(
      detail.toString("latin1"),
      "\x08\x09\x12\x02no\x1a\x37\x0a\x2ftype.googleapis.com/google.protobuf.StringValue\x12\x04\x0a\x02{}"
    )
    const raw = Buffer.from(Details.ofError(9, "", new Uint8Array(300), "application/protobuf"), "base64")
    assert.include(raw.toString("latin1"), "google.protobuf.BytesValue\x12\xaf\x02\x0a\xac\x02\0")
  })

  it("is the error that came as a message, between two of us", () => {
    const trailers = { "grpc-status": "9", "effect-micro-status": "Error", "grpc-message": "an error" }
    assert.deepStrictEqual(Outcome.read(json, trailers, bytes("{}")), failure("Error", "{}"))
  })
})

describe("the first bytes of a connection", () => {
  it("are told apart as soon as they differ", () => {
    const said = (words: string) => Preface.read(Buffer.from(words))
    assert.deepStrictEqual(["", "P", "PRI * HTTP/2.0\r"].map(said), ["more", "more", "more"])
    assert.strictEqual(said("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http2")
    assert.deepStrictEqual(["PO", "GET / HTTP/1.1", "PRI * HTTP/1.0\r\n"].map(said), ["other", "other", "other"])
  })
})
