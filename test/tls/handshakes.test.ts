/** Each way that a handshake fails, over every lane: no call is delivered, and the reason is told. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { AddressInfo } from "node:net"
import * as Tls from "node:tls"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import type { TransportError } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { authority, future, local, ours, past } from "./certificates.ts"

type Options = HttpTransport.TlsOptions

const lanes = ["micros", "https", "grpcs"] as const

/** Why a call that is made under TLS fails. */
const problem = (url: string, tls?: Options): Effect.Effect<TransportError["reason"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* HttpTransport.make({ tls })
    const connection = yield* client.connect(url)
    return yield* connection.unary(call("echo"), bytes("hi"))
  }).pipe(
    Effect.flatMap((reply) => Effect.die(new Error(`It answers ${text(reply)}`))),
    Effect.flip,
    Effect.map(({ reason }) => reason)
  )

/** The port of a server that echoes under TLS. */
const served = (tls: Options) =>
  Effect.gen(function*() {
    const server = yield* HttpTransport.make({ host: "127.0.0.1", advertise: "127.0.0.1", tls })
    return Number(new URL(yield* server.listen("orders", Exchanges.echo)).port)
  })

/** The port of a server that is none of ours. */
const foreign = (server: Net.Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) =>
      void server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    ),
    () => Effect.sync(() => server.close())
  )

const refuses = (
  sentence: string,
  port: Effect.Effect<number, TransportError, Scope.Scope>,
  client: Options | undefined,
  why: string
) =>
  it.live.each(lanes)(`${sentence}, over %s`, (lane) =>
    Effect.gen(function*() {
      const url = `${lane}://127.0.0.1:${yield* port}`
      const reason = yield* problem(url, client)
      assert.strictEqual(reason._tag, "NotConnected")
      assert.include(reason.message, why)
      assert.include(reason.message, `127.0.0.1:${new URL(url).port}`)
      assert.instanceOf(reason.cause, Error)
    }))

const { ca } = local()

describe("a client does not talk to a server", () => {
  const untrusted = "no authority that is trusted here has signed its certificate"
  refuses("whose authority is one of its own, and is not known here", served(local()), undefined, untrusted)
  refuses("whose authority is another one", served(local({ by: authority("Theirs") })), { ca }, untrusted)
  refuses("whose authority has the right name and another key", served(local({ by: authority() })), { ca }, "authority")
  refuses(
    "whose certificate is for another address",
    served(local({ hosts: ["10.9.8.7", "localhost"] })),
    { ca },
    "its certificate is for IP Address:10.9.8.7, DNS:localhost, and not for 127.0.0.1"
  )
  refuses(
    "whose certificate has its address as a name alone",
    served(local({ hosts: ["a.test"] })),
    { ca },
    "DNS:a.test"
  )
  refuses("whose certificate is for no name", served(local({ hosts: [] })), { ca }, "its certificate is for no name")
  refuses(
    "that has not the name it must have",
    served(local()),
    { ca, serverName: "fleet.test" },
    "and not for fleet.test"
  )
  refuses("whose certificate has expired", served(local({ during: past })), { ca }, "its certificate has expired")
  refuses("whose certificate is not valid yet", served(local({ during: future })), { ca }, "is not valid yet")
  refuses(
    "of an older version of TLS",
    foreign(Tls.createServer({ ...local(), maxVersion: "TLSv1.2" })),
    { ca, minVersion: "TLSv1.3" },
    "no version of TLS that is allowed at both ends"
  )
  refuses(
    "that speaks plain text",
    foreign(Net.createServer((socket) => socket.on("error", () => undefined).end("220 mail.example.org ESMTP\r\n"))),
    { ca },
    "it does not speak TLS"
  )

  it.live.each(lanes)(
    "that is not trusted, though the environment says to trust everybody, over %s",
    (lane) =>
      Effect.gen(function*() {
        const port = yield* served(local())
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
          }),
          () => Effect.sync(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"])
        )
        const reason = yield* problem(`${lane}://127.0.0.1:${port}`)
        assert.strictEqual(reason._tag, "NotConnected")
        assert.include(reason.message, untrusted)
      })
  )

  it.live.each(lanes)("that serves in the clear, over %s", (lane) =>
    Effect.gen(function*() {
      const server = yield* HttpTransport.make({ host: "127.0.0.1" })
      const { port } = new URL(yield* server.listen("orders", Exchanges.echo))
      const reason = yield* problem(`${lane}://127.0.0.1:${port}`, { ca })
      assert.strictEqual(reason._tag, "NotConnected")
      assert.include(reason.message, "it does not speak TLS")
    }))

  it.live.each(lanes)("that never ends the handshake, over %s", (lane) =>
    Effect.gen(function*() {
      const port = yield* foreign(Net.createServer((socket) => socket.on("error", () => undefined)))
      const client = yield* HttpTransport.make({ tls: { ca }, connectTimeout: 50 })
      const asked = Effect.flatMap(
        client.connect(`${lane}://127.0.0.1:${port}`),
        (connection) => connection.unary(call("echo"), bytes(""))
      )
      const { reason } = yield* Effect.flip(asked)
      assert.strictEqual(reason._tag, "NotConnected")
      assert.include(reason.message, "no answer within 50 ms")
    }))

  it.live.each(["micros", "grpcs"])("that speaks TLS and nothing of %s", (lane) =>
    Effect.gen(function*() {
      const strict = yield* foreign(Tls.createServer({ ...local(), ALPNProtocols: ["http/1.1"] }))
      const easy = yield* foreign(Tls.createServer(local()))
      for (const port of [strict, easy]) {
        const reason = yield* problem(`${lane}://127.0.0.1:${port}`, { ca })
        assert.strictEqual(reason._tag, "NotConnected")
        assert.include(reason.message, "it speaks TLS, but not")
      }
    }))
})

describe("a server under mutual TLS does not talk to a client", () => {
  const strict = served({ ...local(), mutual: true })

  refuses("that has no certificate", strict, { ca }, "it wants a certificate of its clients")
  refuses(
    "that has none, in TLS 1.2",
    foreign(Tls.createServer({ ...local(), maxVersion: "TLSv1.2", requestCert: true })),
    { ca },
    "it may want a certificate of its clients"
  )

  it.live.each(
    [
      ["of another authority", local({ by: authority("Theirs") })],
      ["that has expired", local({ during: past })]
    ] as const
  )("that has one %s", ([, theirs]) =>
    Effect.gen(function*() {
      const port = yield* strict
      for (const lane of ["micros", "grpcs"]) {
        const reason = yield* problem(`${lane}://127.0.0.1:${port}`, { ...theirs, ca })
        assert.strictEqual(reason._tag, "NotConnected")
        assert.include(reason.message, "it may not trust our certificate")
      }
      const plain = yield* problem(`https://127.0.0.1:${port}`, { ...theirs, ca })
      assert.include(["NotConnected", "ConnectionLost"], plain._tag)
    }))

  it.live("and runs no handler for it", () =>
    Effect.gen(function*() {
      let ran = 0
      const counting = Exchanges.fromUnary((_call, message) => Effect.sync(() => (ran++, message)))
      const server = yield* HttpTransport.make({ host: "127.0.0.1", tls: { ...local(), mutual: true } })
      const { port } = new URL(yield* server.listen("orders", counting))
      for (const lane of lanes) {
        for (const tls of [{ ca }, { ...local({ by: authority("Theirs") }), ca }]) {
          yield* problem(`${lane}://127.0.0.1:${port}`, tls)
        }
      }
      assert.strictEqual(ran, 0)
      const friend = yield* HttpTransport.make({ tls: local() })
      for (const lane of lanes) {
        const connection = yield* friend.connect(`${lane}://127.0.0.1:${port}`)
        yield* connection.unary(call("echo"), bytes("hi"))
      }
      assert.strictEqual(ran, lanes.length)
    }))
})

describe("a port under TLS does not open", () => {
  const pair = ours.issue({ name: "test", hosts: [], ...past })
  it.live.each<readonly [string, Options, string]>([
    ["without a certificate", { ca }, "a certificate and its key"],
    ["without the key", { cert: pair.cert }, "go together"],
    ["without the certificate", { key: pair.key }, "go together"],
    ["with the key of another certificate", { cert: pair.cert, key: local().key }, "mismatch"],
    ["with what is no certificate", { ...pair, cert: "hello" }, "cannot be used"],
    ["with what is no authority", { ...pair, ca: [ca, ""] }, "cannot be used"],
    [
      "with a file that is not there",
      { ...pair, key: { file: "/nowhere/key.pem" } },
      "/nowhere/key.pem cannot be read"
    ],
    ["with an address for a name", { ...pair, serverName: "127.0.0.1" }, "`serverName`"],
    ["to clients of any authority", { ...pair, mutual: true }, "`ca`"]
  ])("%s", ([, tls, why]) =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1", tls })
      const { reason } = yield* Effect.flip(transport.listen("orders", Exchanges.echo))
      assert.strictEqual(reason._tag, "CannotListen")
      assert.include(reason.message, why)
    }))
})
