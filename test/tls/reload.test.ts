/** Certificates that are files, and change. */
import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { X509Certificate } from "node:crypto"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tls from "node:tls"
import * as Credentials from "../../src/internal/tls/credentials.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { Transport } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { authority, local, ours } from "./certificates.ts"

interface Written {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

/** A folder with certificates, which can be written anew; the options that name its files. */
const folder = (first: Written) =>
  Effect.flatMap(
    Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-micro-tls-"))),
      (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
    ),
    (path) => {
      const file = (name: keyof Written) => ({ file: Path.join(path, `${name}.pem`) })
      const write = (content: Partial<Written>) =>
        Effect.sync(() => {
          for (const name of ["cert", "key", "ca"] as const) {
            const text = content[name]
            // Renamed into place, so that nobody reads half of it.
            if (text === undefined) continue
            Fs.writeFileSync(`${file(name).file}.new`, text)
            Fs.renameSync(`${file(name).file}.new`, file(name).file)
          }
        })
      return Effect.as(write(first), { write, options: { cert: file("cert"), key: file("key"), ca: file("ca") } })
    }
  )

/** What a server shows to a new connection. */
const shown = (port: number): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = Tls.connect({ host: "127.0.0.1", port, ca: ours.cert }, () => {
      resume(Effect.succeed(socket.getPeerX509Certificate()?.serialNumber ?? "none"))
      socket.destroy()
    })
    return Effect.sync(() => socket.destroy())
  })

const serial = (pem: string): string => new X509Certificate(pem).serialNumber

const logged = Effect.sync(() => {
  const messages: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    messages.push(`${logLevel}: ${String(Array.isArray(message) ? message[0] : message)}`)
  })
  return { messages, layer: Logger.layer([logger]) }
})

describe("certificates that are files", () => {
  it.live("are shown to new connections once they have changed, and old connections live on", () =>
    Effect.gen(function*() {
      const [first, second] = [local(), local()]
      const { options, write } = yield* folder(first)
      const server = yield* HttpTransport.make({ host: "127.0.0.1", tls: { ...options, reload: "10 millis" } })
      const client = yield* HttpTransport.make({ tls: { ca: ours.cert } })
      const address = yield* server.listen("orders", Exchanges.echo)
      const port = Number(new URL(address).port)
      const connection = yield* client.connect(address)
      assert.strictEqual(yield* shown(port), serial(first.cert))
      yield* write(second)
      yield* Effect.repeat(shown(port), { until: (now) => now === serial(second.cert) })
      assert.isTrue(connection.isOpen())
      assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("still here"))), "still here")
      yield* (yield* client.connect(address)).unary(call("echo"), bytes("new here"))
    }))

  it.live.each(["micros:", "grpcs:"])(
    "tell a client of %s whom to trust from the next connection on",
    (lane) =>
      Effect.gen(function*() {
        const theirs = authority("Theirs")
        const server = yield* HttpTransport.make({ host: "127.0.0.1", tls: local({ by: theirs }) })
        const address = (yield* server.listen("orders", Exchanges.echo)).replace("micros:", lane)
        const { options, write } = yield* folder(local())
        const client = yield* HttpTransport.make({ tls: { ...options, reload: "10 millis" } })
        const { reason } = yield* Effect.flip(Effect.scoped(client.connect(address)))
        assert.include(reason.message, "no authority that is trusted here")
        yield* write({ ca: theirs.cert + ours.cert })
        yield* Effect.scoped(Effect.retry(client.connect(address), { while: () => true }))
      })
  )

  it.live("change nothing while they cannot be used, which is logged once", () =>
    Effect.gen(function*() {
      const { layer, messages } = yield* logged
      const [first, second] = [local(), local()]
      const { options, write } = yield* folder(first)
      const source = yield* Credentials.make({ ...options, reload: "1 hour" })
      const now = () => SubscriptionRef.getUnsafe(source.current)
      const before = now()
      const refresh = Effect.provide(source.refresh, layer)
      yield* refresh
      assert.deepStrictEqual(messages, [])
      yield* write({ cert: second.cert })
      for (let round = 0; round < 3; round++) yield* refresh
      assert.strictEqual(now(), before)
      assert.deepStrictEqual(messages, ["Warn: TLS goes on with the certificates that it has"])
      yield* write({ cert: "nothing of the kind" })
      for (let round = 0; round < 3; round++) yield* refresh
      assert.strictEqual(now(), before)
      assert.strictEqual(messages.length, 2)
      yield* write(second)
      for (let round = 0; round < 3; round++) yield* refresh
      assert.deepStrictEqual(messages.slice(2), ["Info: TLS goes on with new certificates"])
      assert.strictEqual(now().parts.cert, second.cert)
    }))
})

describe("certificates that are configured", () => {
  it.live("are files, by the names of the configuration", () =>
    Effect.gen(function*() {
      const { options } = yield* folder(local())
      const configured = (entries: Record<string, string>) =>
        HttpTransport.layerConfig({ host: "127.0.0.1", tls: { reload: "1 hour" } }).pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(entries))),
          Layer.build,
          Effect.map(Context.get(Transport))
        )
      const { cert: { file: TLS_CERT }, key: { file: TLS_KEY }, ca: { file: TLS_CA } } = options
      const strict = yield* configured({ TLS_CERT, TLS_KEY, TLS_CA, TLS_MUTUAL: "true" })
      const address = yield* strict.listen("orders", Exchanges.echo)
      const connection = yield* strict.connect(address)
      assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("hi"))), "hi")
      const stranger = yield* configured({ TLS_CA })
      const { reason } = yield* Effect.flip(stranger.connect(address))
      assert.include(reason.message, "it wants a certificate of its clients")
      const half = yield* configured({ TLS_CERT })
      assert.include((yield* Effect.flip(half.listen("orders", Exchanges.echo))).message, "go together")
    }))

  it.live("are not asked for", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.layerConfig({ host: "127.0.0.1" }).pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ ADVERTISE: "here.test" }))),
        Layer.build,
        Effect.map(Context.get(Transport))
      )
      assert.match(yield* transport.listen("orders", Exchanges.echo), /^micro:\/\/here\.test:/)
    }))
})

describe("certificates that are text", () => {
  it.live("may be redacted", () =>
    Effect.gen(function*() {
      const { ca, cert, key } = local()
      const tls = { ca: Redacted.make(ca), cert, key: Redacted.make(key) }
      const transport = yield* HttpTransport.make({ host: "127.0.0.1", tls })
      const connection = yield* transport.connect(yield* transport.listen("orders", Exchanges.echo))
      assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("hi"))), "hi")
    }))
})
