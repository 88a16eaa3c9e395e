import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Socket } from "node:net"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { call, echo } from "../suites/exchanges.ts"

/** Hears of the sockets that are opened from now on, when they are connected and nobody else knows. */
const onConnect = (then: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const note = (message: unknown) => void (message as { readonly socket: Socket }).socket.once("connect", then)
      subscribe("net.client.socket", note)
      return note
    }),
    (note) => Effect.sync(() => unsubscribe("net.client.socket", note))
  )

describe("dialling that is given up in the moment it succeeds", () => {
  it.live.each(["micro", "grpc", "http"])(
    "leaves the process in peace, over %s://",
    (lane) =>
      Effect.scoped(Effect.gen(function*() {
        const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
        const { port } = new URL(yield* transport.listen("orders", echo))
        const address = `${lane}://127.0.0.1:${port}`
        const ask = Effect.scoped(
          Effect.flatMap(transport.connect(address), (connection) => connection.unary(call("echo"), new Uint8Array(3)))
        )
        // Once before, so that the modules of the lane are there.
        yield* ask
        let dialling: Fiber.Fiber<unknown, unknown> | undefined
        yield* onConnect(() => dialling?.interruptUnsafe())
        dialling = yield* Effect.forkChild(ask)
        const exit = yield* Fiber.await(dialling)
        assert.strictEqual(exit._tag, "Failure")
        // What is thrown in a later turn would fail the run of the tests.
        yield* Effect.promise(() => new Promise(setImmediate))
        dialling = undefined
        assert.strictEqual((yield* ask as Effect.Effect<Uint8Array>).length, 3)
      }))
  )
})
