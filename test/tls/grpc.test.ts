/** gRPC under TLS, as its own library speaks it. */
import { assert, describe, it } from "@effect/vitest"
import { Client, credentials, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tls from "node:tls"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as Peers from "../grpc/peers.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { local } from "./certificates.ts"

const tls = local({ hosts: ["127.0.0.1", "orders.test"] })

/** A client of gRPC's own library, which takes no addresses for names. */
const dial = (port: number, own: typeof tls | undefined) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const [ca, key, cert] = [tls.ca, own?.key, own?.cert].map((pem) => pem === undefined ? null : Buffer.from(pem))
      return new Client(`127.0.0.1:${port}`, credentials.createSsl(ca, key, cert), {
        "grpc.ssl_target_name_override": "orders.test"
      })
    }),
    (client) => Effect.sync(() => client.close())
  )

describe("a port under TLS", () => {
  it.live.each([false, true])(
    "answers clients of gRPC, where clients must be known: %s",
    (mutual) =>
      Effect.gen(function*() {
        const server = yield* HttpTransport.make({ host: "127.0.0.1", tls: { ...tls, mutual } })
        const port = Number(new URL(yield* server.listen("orders", Exchanges.echo)).port)
        const client = yield* dial(port, mutual ? tls : undefined)
        assert.strictEqual(String(yield* Peers.unary(client, "/orders/echo", Buffer.from("hi"))), "hi")
        const call = yield* Peers.bidi(client, "/orders/echo")
        for (const word of ["one", "two", "three"]) call.write(Buffer.from(word))
        call.end()
        assert.deepStrictEqual((yield* Peers.replies(call)).map(String), ["one", "two", "three"])
      })
  )

  it.live.each(
    [
      [["effect-micro/1", "h2", "http/1.1"], "effect-micro/1"],
      [["http/1.1", "h2"], "h2"],
      [["http/1.1"], "http/1.1"],
      [[], false]
    ] as const
  )("of %s agrees to %s", ([offered, expected]) =>
    Effect.gen(function*() {
      const server = yield* HttpTransport.make({ host: "127.0.0.1", tls })
      const port = Number(new URL(yield* server.listen("orders", Exchanges.echo)).port)
      const agreed = yield* Effect.callback<string | false | null>((resume) => {
        const socket = Tls.connect({ host: "127.0.0.1", port, ca: tls.ca, ALPNProtocols: [...offered] }, () => {
          resume(Effect.succeed(socket.alpnProtocol))
          socket.destroy()
        })
      })
      assert.strictEqual(agreed, expected)
    }))
})

describe("a client of grpcs", () => {
  it.live.each([false, true])(
    "carries every kind of call to a server that knows its clients: %s",
    (mutual) =>
      Effect.gen(function*() {
        const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }
        const address = yield* Peers.serve(
          {
            "/orders/echo": (call: ServerDuplexStream<Uint8Array, Uint8Array>) => {
              call.on("data", (message: Uint8Array) => call.write(message))
              call.on("end", () => call.end())
            }
          },
          ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], mutual)
        )
        const client = yield* HttpTransport.make({ tls: mutual ? tls : { ca: tls.ca } })
        const connection = yield* client.connect(address)
        const echo = call("echo", { contentType: "application/protobuf" })
        assert.strictEqual(text(yield* connection.unary(echo, bytes("hi"))), "hi")
        const one = yield* Stream.runCollect(connection.stream(echo, bytes("one")))
        assert.deepStrictEqual(one.map(text), ["one"])
        const large = Array.from({ length: 20 }, (_, index) => new Uint8Array(100_000).fill(index))
        const many = yield* Stream.runCollect(connection.stream(echo, Stream.fromArray(large)))
        assert.strictEqual(many.length, large.length)
        assert.isTrue(many.every((reply, index) => Buffer.compare(reply as Uint8Array, large[index]) === 0))
        if (!mutual) return
        const stranger = yield* HttpTransport.make({ tls: { ca: tls.ca } })
        const { reason } = yield* Effect.flip(stranger.connect(address))
        assert.strictEqual(reason._tag, "NotConnected")
        assert.include(reason.message, "it wants a certificate of its clients")
      })
  )
})
