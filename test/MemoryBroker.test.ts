import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import { Broker } from "../src/Broker.ts"
import * as MemoryBroker from "../src/Layers/MemoryBroker.ts"
import { brokerSuite, listen, message, say, word } from "./suites/broker.ts"

brokerSuite("MemoryBroker", MemoryBroker.MemoryBrokerLive)

describe("MemoryBroker", () => {
  it.effect("gives an event that is not accepted again, so often and no more", () =>
    Effect.gen(function*() {
      const broker = yield* Broker
      const heard = yield* Queue.unbounded<string>()
      yield* broker.subscribe("a", (message) =>
        Effect.andThen(Queue.offer(heard, word(message)), word(message) === "bad" ? Effect.fail("no") : Effect.void))
      yield* say("a", "bad")
      yield* say("a", "good")
      assert.deepStrictEqual(yield* Queue.takeN(heard, 5), ["bad", "bad", "bad", "bad", "good"])
    }).pipe(Effect.provide(MemoryBroker.layer({ deliveries: 4 }))))

  it.effect("gives what waits to any of a group that is idle", () =>
    Effect.gen(function*() {
      const broker = yield* Broker
      const busy = yield* Deferred.make<void>()
      yield* broker.subscribe("a", () => Effect.andThen(Deferred.succeed(busy, undefined), Effect.never), {
        group: "g"
      })
      yield* say("a", "for the one that gets stuck")
      yield* Deferred.await(busy)
      const idle = yield* listen("a", { group: "g" })
      yield* say("a", "one")
      yield* say("a", "two")
      assert.deepStrictEqual(yield* Queue.takeN(idle, 2), ["one", "two"])
    }).pipe(Effect.provide(MemoryBroker.MemoryBrokerLive)))

  it.effect("makes a publisher wait for room, and nobody else", () =>
    Effect.gen(function*() {
      const broker = yield* Broker
      const latch = yield* Deferred.make<void>()
      const heard = yield* Queue.unbounded<string>()
      const begun = yield* Deferred.make<void>()
      yield* broker.subscribe("a", (message) =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(Deferred.await(latch)),
          Effect.andThen(Queue.offer(heard, word(message)))
        ))
      yield* say("a", "in the handler")
      yield* Deferred.await(begun)
      yield* say("a", "in the queue")
      const waiting = yield* Effect.forkChild(say("a", "in the publisher's hand"), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* say("b", "elsewhere")
      yield* Deferred.succeed(latch, undefined)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* Queue.takeN(heard, 3), [
        "in the handler",
        "in the queue",
        "in the publisher's hand"
      ])
    }).pipe(Effect.provide(MemoryBroker.layer({ capacity: 1 }))))

  it.effect("lets go of a publisher when the last subscriber leaves", () =>
    Effect.gen(function*() {
      const broker = yield* Broker
      const scope = yield* Scope.make()
      const begun = yield* Deferred.make<void>()
      const handler = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      yield* Scope.provide(broker.subscribe("a", handler), scope)
      yield* say("a", "in the handler")
      yield* Deferred.await(begun)
      yield* say("a", "in the queue")
      const waiting = yield* Effect.forkChild(broker.publish("a", message("waiting")), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(waiting)
    }).pipe(Effect.provide(MemoryBroker.layer({ capacity: 1 }))))

  it.effect("interrupts its handlers when the layer goes", () =>
    Effect.gen(function*() {
      const begun = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      const handler = () =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
        )
      const outer = yield* Effect.scope
      yield* Effect.gen(function*() {
        const broker = yield* Broker
        yield* Scope.provide(broker.subscribe("a", handler), outer)
        yield* broker.publish("a", message("one"))
        yield* Deferred.await(begun)
      }).pipe(Effect.provide(MemoryBroker.MemoryBrokerLive))
      assert.isTrue(yield* Deferred.isDone(interrupted))
    }))
})
