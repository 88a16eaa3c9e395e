/** A process that listens on one address of loopback, calls itself by the name `both.test`, and says how that went. */
import * as Effect from "effect/Effect"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { Transport } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"

const [, , host = ""] = process.argv

const program = Effect.gen(function*() {
  const transport = yield* Transport
  const { port } = new URL(yield* transport.listen("orders", Exchanges.echo))
  for (const lane of ["micro", "http", "grpc"]) {
    const connection = yield* transport.connect(`${lane}://both.test:${port}`)
    yield* connection.unary(Exchanges.call("echo"), Exchanges.bytes("there"))
    yield* Effect.sync(() => process.stdout.write(`${lane}\n`))
  }
})

Effect.runFork(Effect.provide(Effect.scoped(program), HttpTransport.layer({ host, idleTimeout: "1 second" })))
