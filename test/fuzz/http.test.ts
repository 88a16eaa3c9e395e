import { assert, describe, it } from "@effect/vitest"
import type * as Http from "node:http"
import * as Preface from "../../src/internal/grpc/preface.ts"
import * as GoMicro from "../../src/internal/http/goMicro.ts"
import * as Head from "../../src/internal/http/head.ts"
import * as HeaderText from "../../src/internal/http/headerText.ts"
import * as Metadata from "../../src/internal/http/metadata.ts"
import * as Outcome from "../../src/internal/http/outcome.ts"
import * as Paths from "../../src/internal/http/paths.ts"
import { protocol } from "../../src/internal/mux/frames.ts"
import * as Handshake from "../../src/internal/mux/handshake.ts"
import * as Trace from "../../src/internal/trace.ts"
import { isFailure } from "../../src/Transport.ts"
import { call } from "../suites/exchanges.ts"
import { fuzz, type Luck } from "./luck.ts"

/** What the bytes of reads come to, each time with all that came before; undecided ones are not kept. */
const decide = <A>(reads: ReadonlyArray<Buffer>, read: (bytes: Buffer) => A | "more"): A | "more" => {
  let bytes = Buffer.alloc(0)
  for (const more of reads) {
    bytes = Buffer.concat([bytes, more])
    const decision = read(bytes)
    if (decision !== "more") return decision
  }
  return "more"
}

const heads = [
  Handshake.request("10.0.0.7:4000"),
  Handshake.accepted,
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: h\r\nMicro-Service: s\r\nMicro-Endpoint: S.m\r\nContent-Length: 2\r\n\r\n{}",
  `GET / HTTP/1.1\r\nHost: h\r\nupgrade:\t${protocol}\r\n\r\n`
].map((text) => Buffer.from(text))

/** A text without what cannot stand in a header. */
const printable = (text: string): string =>
  Array.from(text, (character) => character < " " || character === "\x7f" ? " " : character).join("")

/** What the port makes of first bytes. */
const first = (bytes: Buffer) => {
  const preface = Preface.read(bytes)
  return preface === "other" ? Handshake.readRequest(bytes) : preface
}

describe("the first bytes of a connection", () => {
  fuzz("say the same wherever they are cut", (luck) => {
    const bytes = luck.spoil(luck.pick(heads))
    const whole = first(bytes)
    const decision = decide(luck.cut(bytes), first)
    assert.strictEqual(decision, whole)
    if (typeof decision === "number") assert.strictEqual(bytes.toString("latin1", decision - 4, decision), "\r\n\r\n")
  }, 0.5)

  fuzz("of an answer are an upgrade, or a line that can be shown", (luck) => {
    const bytes = luck.spoil(luck.pick(heads))
    const answer = decide(luck.cut(bytes), Handshake.readAnswer)
    if (typeof answer === "object") assert.match(answer.line, /^[\x20-\x7e]*$/)
    else if (typeof answer === "number") assert.match(bytes.toString("latin1", 0, answer), /^HTTP\/1\.1 101 /)
  }, 0.5)

  it("are not waited for beyond 8 KiB", () => {
    const endless = (begun: string) => [Buffer.from(begun), ...Array.from({ length: 90 }, () => Buffer.alloc(100, "x"))]
    assert.strictEqual(decide(endless("GET / HTTP/1.1\r\nX: "), first), "other")
    assert.isObject(decide(endless("HTTP/1.1 101 "), Handshake.readAnswer))
  })
})

const names = [
  "Content-Type",
  "Content-Length",
  "Content-Encoding",
  "Timeout",
  "Accept",
  "Micro-Service",
  "Micro-Endpoint",
  "X-Micro-Method",
  "Micro-Stream",
  "Micro-Id",
  "X-Tenant",
  "__proto__",
  "constructor",
  "Host"
]

const words = [
  "application/json",
  "application/x-ndjson",
  "text/event-stream",
  "*/*",
  ";q=",
  "0.5",
  ",",
  "5000000",
  "orders",
  "Orders.place",
  "é",
  "{\"id\":\"",
  "\",\"code\":408,\"detail\":\"rpc: can't find service\"}",
  "%20",
  "%"
]

/** Values as Node shows them: an octet is a character. */
const value = (luck: Luck): string => Buffer.from(luck.text(words, 4)).toString("latin1")

const request = (luck: Luck): Http.IncomingMessage => {
  const rawHeaders = Array.from({ length: luck.below(8) }, () => [luck.pick(names), value(luck)]).flat()
  const method = luck.pick(["POST", "POST", "GET", "OPTIONS", "PUT"])
  const url = luck.pick([
    "/",
    "/orders/place",
    `/orders/place?payload=${luck.text(words, 3)}`,
    `/${luck.text(words, 4)}`
  ])
  // Of a request no more is read ahead of its body.
  return { rawHeaders, method, url } as Http.IncomingMessage
}

describe("the head of a plain call", () => {
  fuzz("is a call or a refusal, whatever it says, and its metadata steers nothing", (luck) => {
    const { call, form, message, refusal } = Head.read(request(luck))
    if (refusal !== undefined) assert.isTrue(refusal.code >= 400 && refusal.code < 500)
    assert.include(["GoMicro", "Path"], form._tag)
    const metadata = Object.keys(call.headers)
    assert.isFalse(metadata.some((name) => /^(content-|x?-?micro-(service|endpoint)|timeout$|__proto__$)/.test(name)))
    assert.strictEqual(Object.getPrototypeOf(call.headers), Object.prototype)
    assert.isTrue(call.timeout === undefined || call.timeout >= 0)
    assert.isTrue(message === undefined || message instanceof Uint8Array)
  })

  fuzz("brings the metadata that was sent, with spaces for what cannot stand in a header", (luck) => {
    const sent = Object.fromEntries(
      Array.from({ length: luck.below(4) }, () => [`x-${luck.below(9)}`, luck.text(words, 4)])
    )
    const written: Array<string> = []
    Metadata.append(written, sent)
    const { metadata } = Metadata.part(written)
    for (const name of Object.keys(sent)) {
      assert.strictEqual(metadata[name], printable(sent[name]))
    }
  }, 0.5)

  fuzz("names whom it goes to in its path, as it was written, or nobody", (luck) => {
    const [service, method] = [luck.text(words, 2), luck.text(words, 2)]
    const target = Paths.parse(`/${encodeURIComponent(service)}/${encodeURIComponent(method)}`)
    if (service === "" || method === "") assert.strictEqual(target, "NotACall")
    else assert.deepStrictEqual(target, { service, method })
    const odd = Paths.parse(luck.text(["/", "%", "%2f", "?", "#", "a"], 8))
    if (typeof odd === "object") assert.isTrue(odd.service !== "" && odd.method !== "")
  }, 0.5)

  fuzz("has a trace, or none", (luck) => {
    const honest = Buffer.from("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    const span = Trace.parse(luck.spoil(honest).toString("latin1"))
    if (span !== undefined) assert.match(Trace.format(span), /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
  }, 0.2)
})

describe("the answer to a plain call", () => {
  fuzz("is a reply, a failure, or a lost connection, whatever it says", (luck) => {
    const headers = Object.fromEntries(
      Array.from(
        { length: luck.below(5) },
        () => [
          luck.pick(["content-type", "micro-error", "effect-micro-status", "effect-micro-retry-after", "retry-after"]),
          luck.pick([value(luck), "Overloaded", "7", "application/json"])
        ]
      )
    )
    const code = luck.pick([200, 200, 204, 404, 429, 502, luck.below(1000)])
    const exit = Outcome.read(call("x", { contentType: "application/json" }), "http://h:1", {
      code,
      headers,
      body: luck.bytes(luck.below(20))
    })
    if (exit._tag === "Failure" || !isFailure(exit.value)) return
    assert.isTrue(exit.value.retryAfter === undefined || exit.value.retryAfter >= 0)
  })

  fuzz("of Go Micro means a failure, whatever is written there", (luck) => {
    const failed = GoMicro.parseError(value(luck))
    assert.isTrue(isFailure(failed))
    assert.include(["Error", "DeadlineExceeded", "Unimplemented", "Malformed"], failed.status)
  })
})

describe("the text of a header", () => {
  fuzz("comes back as it was, but for what cannot stand in a header", (luck) => {
    const text = luck.text(words, 6)
    const written = HeaderText.encode(text)
    assert.match(written, /^[\x20-\x7e\x80-\xff]*$/)
    assert.strictEqual(HeaderText.decode(written), printable(text))
    assert.match(HeaderText.json({ text }), /^[\x20-\x7e]*$/)
  }, 0.5)
})
