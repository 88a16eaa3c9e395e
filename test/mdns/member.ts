/** A process that registers one instance, says so, and leaves in good order once its input ends. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as MdnsRegistry from "../../src/Layers/MdnsRegistry.ts"
import { Instance, Registry } from "../../src/Registry.ts"

const [, , domain = "", port = "", id = ""] = process.argv

const program = Effect.gen(function*() {
  const registry = yield* Registry
  yield* registry.register(
    new Instance({ id, service: "orders", version: "", address: "micro://127.0.0.1:4000", metadata: {}, endpoints: [] })
  )
  process.stdout.write("registered\n")
  return yield* Effect.never
})

const layer = MdnsRegistry.layer({ domain, port: Number(port), interface: "127.0.0.1" })

const fiber = Effect.runFork(Effect.provide(Effect.scoped(program), layer))

process.stdin.on("end", () => Effect.runFork(Fiber.interrupt(fiber))).resume()
