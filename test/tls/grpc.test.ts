/** gRPC under TLS, as its own library speaks it. */
import { assert, describe, it } from "@effect/vitest"
import { Client, credentials } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Tls from "node:tls"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as Peers from "../grpc/peers.ts"
import * as Exchanges from "../suites/exchanges.ts"
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

  it.live("speaks HTTP/1.1 with who speaks both", () =>
    Effect.gen(function*() {
      const server = yield* HttpTransport.make({ host: "127.0.0.1", tls })
      const port = Number(new URL(yield* server.listen("orders", Exchanges.echo)).port)
      const agreed = yield* Effect.callback<string | false | null>((resume) => {
        const socket = Tls.connect({ host: "127.0.0.1", port, ca: tls.ca, ALPNProtocols: ["h2", "http/1.1"] }, () => {
          resume(Effect.succeed(socket.alpnProtocol))
          socket.destroy()
        })
      })
      assert.strictEqual(agreed, "http/1.1")
    }))
})
