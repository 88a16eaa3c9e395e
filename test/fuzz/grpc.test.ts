import { assert, describe, it } from "@effect/vitest"
import { gzipSync } from "node:zlib"
import * as Framing from "../../src/internal/grpc/framing.ts"
import * as Head from "../../src/internal/grpc/head.ts"
import * as Messages from "../../src/internal/grpc/messages.ts"
import * as Metadata from "../../src/internal/grpc/metadata.ts"
import * as Outcome from "../../src/internal/grpc/outcome.ts"
import * as Percent from "../../src/internal/grpc/percent.ts"
import * as Timeout from "../../src/internal/grpc/timeout.ts"
import { isFailure } from "../../src/Transport.ts"
import { record } from "../grpc/record.ts"
import { call } from "../suites/exchanges.ts"
import { fuzz, type Luck } from "./luck.ts"

const limit = 200

/** What a cutter says of some reads, and whether it could end there. It is told no more after a length over the limit. */
const cut = (reads: ReadonlyArray<Buffer>) => {
  const cutter = Framing.cutter(limit)
  const said: Array<string | number> = []
  for (const read of reads) {
    const frames = cutter.cut(read)
    if (typeof frames === "number") return { said: [...said, frames], isWhole: undefined }
    for (const { bytes, flag } of frames) said.push(`${flag} ${Buffer.from(bytes).toString("hex")}`)
  }
  return { said, isWhole: cutter.isWhole() }
}

/** Messages within the limit, and their flags. */
const messages = ({ below, bytes, pick }: Luck) =>
  Array.from({ length: below(6) }, () => ({
    flag: pick([0, 1, 0x80, below(256)]),
    message: bytes(pick([0, below(8), limit, below(limit + 1)]))
  }))

describe("the cutter of messages", () => {
  fuzz("cuts the same messages out of a stream wherever its reads end", (luck) => {
    const sent = messages(luck)
    const stream = Buffer.concat(sent.map(({ flag, message }) => Framing.pack([message], flag)))
    const { isWhole, said } = cut(luck.cut(stream))
    assert.strictEqual(said.join(), sent.map(({ flag, message }) => `${flag} ${message.toString("hex")}`).join())
    assert.strictEqual(isWhole, true)
  }, 0.5)

  fuzz("makes the same of spoiled bytes wherever its reads end, and nothing that is over the limit", (luck) => {
    const honest = Buffer.concat(messages(luck).map(({ flag, message }) => Framing.pack([message], flag)))
    const bytes = luck.spoil(honest)
    const whole = cut([bytes])
    const cuts = cut(luck.cut(bytes))
    // In one read a message over the limit is seen together with those ahead of it.
    if (whole.isWhole === undefined) assert.strictEqual(cuts.said.at(-1), whole.said.at(-1))
    else assert.strictEqual(JSON.stringify(cuts), JSON.stringify(whole))
    for (const said of cuts.said) {
      assert.isTrue(typeof said === "number" ? said > limit : said.length <= "255 ".length + 2 * limit)
    }
  }, 0.5)

  it("takes memory for what has come, and not for what a length claims", () => {
    const before = process.memoryUsage().arrayBuffers
    const cutters = Array.from({ length: 10_000 }, () => Framing.cutter(2 ** 30))
    const claim = Buffer.from([0, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3])
    for (const cutter of cutters) assert.deepStrictEqual(cutter.cut(Buffer.from(claim)), [])
    assert.isBelow(process.memoryUsage().arrayBuffers - before, 16 * 1024 * 1024)
    assert.isFalse(cutters.some((cutter) => cutter.isWhole()))
  })
})

describe("the reader of messages", () => {
  const packed = [
    Buffer.alloc(0),
    Buffer.from("hello"),
    Buffer.alloc(limit, 7),
    Buffer.alloc(limit + 1),
    Buffer.alloc(1e6)
  ]
    .map((message) => gzipSync(message))

  fuzz("unpacks nothing beyond the limit, and has a problem with what it cannot unpack", (luck) => {
    const reader = Messages.reader(limit, () => luck.below(8) > 0)
    for (let count = 3; count > 0; count--) {
      const read = Framing.pack([luck.spoil(luck.pick(packed))], luck.pick([0, 1, 1, 1, 0x80, luck.below(256)]))
      const messages = reader.read(read)
      if ("message" in messages) return assert.isNotEmpty(messages.message)
      for (const { bytes } of messages) assert.isAtMost(bytes.length, limit)
    }
  }, 0.2)
})

const names = ["content-type", "grpc-timeout", "grpc-encoding", "x-tenant", "a-bin", "effect-micro-metadata-bin", "te"]
const words = [
  "application/grpc",
  "+json",
  "+proto",
  "gzip",
  "identity",
  "99999999",
  "5S",
  "/orders",
  "/Orders.place",
  "%41",
  "%",
  "W1siYSIsImIiXV0=",
  "__proto__",
  "0",
  "4"
]

const headers = ({ below, pick, text }: Luck): Record<string, string> =>
  Object.fromEntries([
    [":method", pick(["POST", "POST", "POST", "GET"])],
    [":path", pick(["/orders/place", text(words, 4)])],
    ["content-type", pick(["application/grpc", "application/grpc+json", text(words, 3)])],
    ...Array.from({ length: below(5) }, () => [pick([...names, text(words, 2)]), text(words, 4)] as const)
  ])

describe("the head of a call over gRPC", () => {
  fuzz("is a call, a refusal or no gRPC, whatever it says, and its metadata steers nothing", (luck) => {
    const head = Head.read(headers(luck), ["orders"], 100)
    if (typeof head === "number") return assert.include([405, 415], head)
    if ("failure" in head) return assert.isNotEmpty(head.failure.body)
    assert.strictEqual(head.call.service, "orders")
    const metadata = Object.keys(head.call.headers)
    assert.isFalse(metadata.some((name) => /^(:|grpc-|effect-micro|content-type$|te$|__proto__$)/.test(name)))
    assert.isAtMost(Object.entries(head.call.headers).flat().join("").length, 100)
    assert.isTrue(head.call.timeout === undefined || head.call.timeout >= 0)
  })

  fuzz("brings the metadata that was sent, whatever its names and values", (luck) => {
    const sent = Object.fromEntries(
      Array.from(
        { length: luck.below(4) },
        () => [`x-${luck.text(["x", "-bin", "é", "1"], 3).toLowerCase()}`, luck.text(words, 3)]
      )
    )
    const written: Array<string> = []
    Metadata.append(written, sent)
    const read = Metadata.read(record(written))
    for (const [name, value] of Object.entries(read?.metadata ?? {})) assert.strictEqual(value, sent[name])
    assert.strictEqual(Object.keys(read?.metadata ?? {}).length, Object.keys(sent).length)
  }, 0.5)
})

describe("the end of a call over gRPC", () => {
  fuzz("is a failure, nothing, or unknown, whatever the trailers say", (luck) => {
    const trailers = {
      ...luck.below(2) === 0 && { ":status": luck.pick([200, 404, 503, luck.below(1000)]) },
      ...luck.below(4) > 0 && { "grpc-status": luck.pick(["0", "4", "14", luck.text(words, 2)]) },
      "grpc-message": luck.text(words, 4),
      "grpc-retry-pushback-ms": luck.text(words, 2),
      "grpc-status-details-bin": luck.text(words, 3),
      "effect-micro-status": luck.pick(["Error", "Overloaded", "", luck.text(words, 1)])
    }
    const contentType = luck.pick(["application/json", "application/protobuf", "text/plain"])
    const outcome = Outcome.read(call("x", { contentType }), trailers as unknown as Outcome.Headers, undefined)
    if (outcome === "done" || outcome instanceof Error) return
    assert.isTrue(isFailure(outcome))
    assert.isTrue(outcome.retryAfter === undefined || outcome.retryAfter >= 0)
  })
})

describe("percent-encoding", () => {
  fuzz("brings back every text up to its limit, in characters that a header may have", (luck) => {
    const text = luck.text(words, 60)
    const encoded = Percent.encode(text)
    assert.match(encoded, /^[\x20-\x7e]*$/)
    const bytes = Buffer.from(text)
    const back = Percent.decode(encoded)
    if (bytes.length <= Percent.limit) assert.strictEqual(back, text)
    else assert.isTrue(text.startsWith(back))
  }, 0.5)

  fuzz("is read whatever it is, as no more than there was", (luck) => {
    const value = luck.text(["%", "%4", "%41", "%e2%82", "a"], 30)
    assert.isAtMost(Percent.decode(value).length, value.length)
  }, 0.5)
})

describe("the time of a call over gRPC", () => {
  fuzz("is never less than what was left, and never more by a thousandth and a tick", (luck) => {
    const millis = luck.below(2 ** 31) / luck.pick([1, 7, 1000, 1e6])
    const back = Timeout.parse(Timeout.format(millis))!
    assert.isAtLeast(back, millis * (1 - 1e-9))
    assert.isAtMost(back, millis * 1.001 + 0.0011)
    const odd = Timeout.parse(luck.text(["1", "99999999", "S", "n", "-", "."], 4))
    assert.isTrue(odd === undefined || odd >= 0)
  })
})
