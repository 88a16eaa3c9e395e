/** Both lanes under TLS, as others meet them. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { Registry } from "../../src/Registry.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { client, makeRegistry, network, overHttp, serve } from "../suites/fleet.ts"
import { handlers, rpcSuite, Shop } from "../suites/rpc.ts"
import { local, ours } from "./certificates.ts"

const tls = local()

rpcSuite("NetworkRpc under TLS", network({ transport: overHttp({ tls }) }))

/** The address of a server that echoes, and a client. */
const pair = Effect.gen(function*() {
  const server = yield* HttpTransport.make({ host: "127.0.0.1", tls })
  const client = yield* HttpTransport.make({ tls: { ca: ours.cert } })
  const address = yield* server.listen("orders", Exchanges.echo)
  return { address, client, port: Number(new URL(address).port) }
})

/** What comes back over a socket until the other side closes it. */
const everything = (socket: Net.Socket, request: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let heard = ""
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1")
    })
    socket.on("error", () => undefined)
    socket.on("close", () => resume(Effect.succeed(heard)))
    socket.write(request)
    return Effect.sync(() => socket.destroy())
  })

describe("a port under TLS", () => {
  it.live("advertises an address that says so, and carries streams of large messages", () =>
    Effect.gen(function*() {
      const { address, client } = yield* pair
      assert.match(address, /^micros:\/\/127\.0\.0\.1:\d+$/)
      const connection = yield* client.connect(address)
      const messages = Array.from({ length: 20 }, (_, index) => new Uint8Array(300_000).fill(index))
      const replies = yield* Stream.runCollect(connection.stream(call("echo"), Stream.fromArray(messages)))
      assert.strictEqual(replies.length, messages.length)
      for (const [index, reply] of replies.entries()) {
        assert.strictEqual(Buffer.compare(reply as Uint8Array, messages[index]), 0)
      }
    }))

  it.live("answers plain calls over https, and no streams", () =>
    Effect.gen(function*() {
      const { client, port } = yield* pair
      const connection = yield* client.connect(`https://127.0.0.1:${port}`)
      const answers = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, index) => `${index}`),
        (message) => Effect.map(connection.unary(call("echo"), bytes(message)), text),
        { concurrency: 10 }
      )
      assert.deepStrictEqual(answers, Array.from({ length: 50 }, (_, index) => `${index}`))
      const { reason } = yield* Effect.flip(Stream.runDrain(connection.stream(call("echo"), bytes(""))))
      assert.strictEqual(reason._tag, "Unsupported")
    }))

  it.live("answers any client of HTTPS", () =>
    Effect.gen(function*() {
      const { port } = yield* pair
      const answer = yield* Effect.callback<string>((resume) => {
        const options = { host: "127.0.0.1", port, path: "/orders/echo", method: "POST", ca: ours.cert, agent: false }
        const request = Https.request(options, (response) => {
          response.setEncoding("utf8").on("data", (body) => resume(Effect.succeed(`${response.statusCode} ${body}`)))
        })
        request.end("[1,2,3]")
      })
      assert.strictEqual(answer, "200 [1,2,3]")
    }))

  it.live("upgrades who agreed to nothing in the handshake", () =>
    Effect.gen(function*() {
      const { port } = yield* pair
      const socket = Tls.connect({ host: "127.0.0.1", port, ca: ours.cert })
      const request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: effect-micro/1\r\n\r\n"
      socket.on("data", () => socket.end())
      assert.match(yield* everything(socket, request), /^HTTP\/1\.1 101 /)
    }))

  it.live("says nothing to who speaks in the clear, and carries on", () =>
    Effect.gen(function*() {
      const { address, client, port } = yield* pair
      const connection = yield* client.connect(address)
      for (
        const hello of ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "SSH-2.0-OpenSSH_9.9\r\n", "\0\0\0\x06\x08\0\0\0\0\0"]
      ) {
        const heard = yield* everything(Net.connect(port, "127.0.0.1"), hello)
        assert.notInclude(heard, "HTTP/1.1")
      }
      const inTheClear = yield* HttpTransport.make()
      const { reason } = yield* Effect.flip(Effect.scoped(inTheClear.connect(`micro://127.0.0.1:${port}`)))
      assert.strictEqual(reason._tag, "NotConnected")
      assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("fine"))), "fine")
    }))

  it.live("is known by a name that all servers have, whatever their addresses", () =>
    Effect.gen(function*() {
      const fleet = { ...local({ hosts: ["fleet.test"] }), serverName: "fleet.test" }
      const transport = yield* HttpTransport.make({ host: "127.0.0.1", tls: fleet })
      const address = yield* transport.listen("orders", Exchanges.echo)
      for (const url of [address, address.replace("micros:", "https:")]) {
        const connection = yield* transport.connect(url)
        assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("hi"))), "hi")
      }
    }))

  it.live("closes though a client has not ended its handshake", () =>
    Effect.gen(function*() {
      const server = yield* HttpTransport.make({ host: "127.0.0.1", tls })
      const scope = yield* Scope.make()
      const address = yield* Scope.provide(server.listen("orders", Exchanges.echo), scope)
      const socket = Net.connect(Number(new URL(address).port), "127.0.0.1")
      const heard = yield* Effect.forkScoped(everything(socket, "\x16\x03\x01"), { startImmediately: true })
      const client = yield* HttpTransport.make({ tls: { ca: ours.cert } })
      // By now the server has the other one, too: it takes them in turn.
      const connection = yield* client.connect(address)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Fiber.join(heard), "")
      yield* connection.closed
    }))

  it.live("lets running calls finish when it leaves", () =>
    Effect.gen(function*() {
      const registry = Layer.succeed(Registry, yield* makeRegistry)
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const slow = Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(gate))
      const parts = { registry, transport: overHttp({ tls }) }
      const first = yield* serve(Shop, { ...handlers, ping: () => slow }, parts)
      const shop = yield* client(Shop, parts)
      const running = yield* Effect.forkChild(shop.ping())
      yield* Deferred.await(started)
      yield* serve(Shop, handlers, parts)
      const left = yield* Effect.forkChild(first.leave, { startImmediately: true })
      const orders = Array.from({ length: 200 }, () => shop.place({ sku: "pen", count: 1 }))
      yield* Effect.all(orders, { concurrency: 10 })
      assert.isUndefined(running.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(running)
      yield* Fiber.join(left)
      yield* Effect.all(orders, { concurrency: 10 })
    }))
})
