import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as MemoryTransport from "../src/Layers/MemoryTransport.ts"
import { isFailure, Transport } from "../src/Transport.ts"
import * as Exchanges from "./suites/exchanges.ts"
import { bytes, call } from "./suites/exchanges.ts"
import { pair, reasonOf, transportSuite } from "./suites/transport.ts"

transportSuite("MemoryTransport", MemoryTransport.MemoryTransportLive)

describe("MemoryTransport", () => {
  it.effect("keeps deadlines by the clock of the layer", () =>
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const connection = yield* pair(exchange)
      const late = call("hang", { timeout: 60_000 })
      const callers = yield* Effect.forEach(
        [Stream.runHead(connection.stream(late, bytes(""))), Effect.asSome(connection.unary(late, bytes("")))],
        (replies) => Effect.forkScoped(replies)
      )
      yield* Deferred.await(started)
      yield* TestClock.adjust(59_999)
      assert.isFalse(yield* Deferred.isDone(interrupted))
      yield* TestClock.adjust(10)
      for (const caller of callers) {
        const reply = yield* Fiber.join(caller)
        assert.isTrue(reply._tag === "Some" && isFailure(reply.value) && reply.value.status === "DeadlineExceeded")
      }
      yield* Deferred.await(interrupted)
    }).pipe(Effect.provide(MemoryTransport.MemoryTransportLive)))

  it.effect("gives each instance of a service an address of its own", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const addresses = yield* Effect.forEach([1, 2, 3], () => transport.listen("orders", Exchanges.echo))
      assert.strictEqual(new Set(addresses).size, 3)
    }).pipe(Effect.provide(MemoryTransport.MemoryTransportLive)))

  it.effect("is a network of its own, each time it is made", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* MemoryTransport.make, yield* MemoryTransport.make]
      const address = yield* one.listen("orders", Exchanges.echo)
      assert.strictEqual(yield* reasonOf(Effect.scoped(other.connect(address))), "NotConnected")
      assert.strictEqual(yield* reasonOf(Effect.scoped(one.connect(address))), "it succeeded")
    }))
})
