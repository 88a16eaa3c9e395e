import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Os from "node:os"
import * as Path from "node:path"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { Transport } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import { reasonOf, transportSuite } from "../suites/transport.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "socket-"))),
  (folder) => Effect.sync(() => Fs.rmSync(folder, { recursive: true }))
)

transportSuite(
  "HttpTransport over the file of a socket",
  Layer.effect(
    Transport,
    Effect.flatMap(folder, (folder) => HttpTransport.make({ path: `${folder}/here #1?.sock` }))
  )
)

const listen = (options: HttpTransport.Options) =>
  Effect.flatMap(HttpTransport.make(options), (transport) => transport.listen("orders", Exchanges.echo))

const problemOf = (options: HttpTransport.Options) =>
  Effect.map(
    Effect.flip(listen(options)),
    ({ reason }) => reason._tag === "CannotListen" ? reason.problem : reason._tag
  )

describe("the file of a socket", () => {
  it.live("answers plain HTTP as well", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/orders.sock`
      assert.strictEqual(yield* listen({ path }), `unix:${path}`)
      const answer = yield* Effect.callback<string>((resume) => {
        const request = Http.request({ socketPath: path, path: "/orders/echo", method: "POST" }, (response) => {
          response.setEncoding("utf8").on("data", (body) => resume(Effect.succeed(`${response.statusCode} ${body}`)))
        })
        request.end("[1,2,3]")
      })
      assert.strictEqual(answer, "200 [1,2,3]")
    }))

  it.live("is there while somebody listens, and no longer", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/orders.sock`
      const scope = yield* Scope.make()
      yield* Scope.provide(listen({ path }), scope)
      assert.isTrue(Fs.statSync(path).isSocket())
      assert.strictEqual(yield* problemOf({ path }), "a process listens there already")
      assert.isTrue(Fs.existsSync(path))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(Fs.existsSync(path))
    }))

  it.live("is replaced where a dead process has left it", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/orders.sock`
      const dying = `require("net").createServer().listen(${
        JSON.stringify(path)
      }, () => process.kill(process.pid, "SIGKILL"))`
      try {
        execFileSync(process.execPath, ["-e", dying])
      } catch {
        // It dies as it is told to.
      }
      assert.isTrue(Fs.statSync(path).isSocket())
      const address = yield* listen({ path })
      const client = yield* HttpTransport.make()
      const connection = yield* client.connect(address)
      assert.strictEqual(text(yield* connection.unary(call("echo"), bytes("alive"))), "alive")
    }))

  it.live("is never put in the place of another file, nor where the system has no room for its path", () =>
    Effect.gen(function*() {
      const there = yield* folder
      const path = `${there}/precious.txt`
      Fs.writeFileSync(path, "precious")
      assert.strictEqual(yield* problemOf({ path }), "there is a file that is no socket")
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "precious")
      assert.strictEqual(yield* problemOf({ path: "orders.sock" }), "the path of a socket begins at the root")
      assert.match(
        yield* problemOf({ path: `/${"x".repeat(200)}` }),
        /^a path of 201 bytes is over the system's 10[37]$/
      )
      assert.match(yield* problemOf({ path: `${there}/no/such/folder` }), /^its folder is not there/)
      assert.match(yield* problemOf({ path, tls: yield* HttpTransport.selfSigned() }), /no TLS/)
    }))

  it.live("cannot be reached where nobody listens, or where the address is not one", () =>
    Effect.gen(function*() {
      const client = yield* HttpTransport.make()
      const dialled = (address: string) => Effect.scoped(client.connect(address)).pipe(reasonOf)
      assert.strictEqual(yield* dialled(`unix:${yield* folder}/nobody.sock`), "NotConnected")
      assert.strictEqual(yield* dialled("unix:relative.sock"), "Unsupported")
      assert.strictEqual(yield* dialled("unix://host/path.sock"), "Unsupported")
    }))
})
