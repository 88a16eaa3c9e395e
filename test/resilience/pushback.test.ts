import { assert, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { type Exchange, failure, isFailure, Transport } from "../../src/Transport.ts"
import { overHttp } from "../suites/fleet.ts"

/** Refuses every call, and says when to come back. */
const refusing = (retryAfter: number | undefined): Exchange => ({
  unary: () => Effect.succeed(failure("Overloaded", "busy", retryAfter)),
  stream: () => Stream.succeed(failure("Overloaded", "busy", retryAfter))
})

for (const lane of ["micro", "http", "grpc"]) {
  for (const retryAfter of [undefined, 0, 1500, Infinity]) {
    it.live(`a refusal over ${lane}:// says when to come back: ${retryAfter}`, () =>
      Effect.gen(function*() {
        const transport = Context.get(yield* Layer.build(Layer.fresh(overHttp())), Transport)
        const address = yield* transport.listen("desk", refusing(retryAfter))
        const connection = yield* transport.connect(address.replace("micro:", `${lane}:`))
        const call = { service: "desk", method: "Desk.ask", contentType: "application/json", headers: {} }
        const reply = yield* connection.unary(call, new TextEncoder().encode("{}"))
        if (!isFailure(reply)) return assert.fail("the call was taken")
        assert.strictEqual(reply.status, "Overloaded")
        assert.strictEqual(reply.retryAfter, retryAfter)
      }))
  }
}
