import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Broker from "../src/Broker.ts"
import { JsonCodecLive } from "../src/Layers/JsonCodec.ts"
import * as MemoryBroker from "../src/Layers/MemoryBroker.ts"
import { brokerSuite, listen, message, say, words } from "./suites/broker.ts"

brokerSuite("MemoryBroker", MemoryBroker.MemoryBrokerLive)

const live = (options?: MemoryBroker.Options) => Layer.merge(MemoryBroker.layer(options), JsonCodecLive)

describe("MemoryBroker", () => {
  it.effect("gives what waits to any of a group that is idle", () =>
    Effect.gen(function*() {
      const busy = yield* Deferred.make<void>()
      const handler = () => Effect.andThen(Deferred.succeed(busy, undefined), Effect.never)
      yield* Broker.subscribe(words("a"), handler, { group: "g" })
      yield* say("a", "for the one that gets stuck")
      yield* Deferred.await(busy)
      const idle = yield* listen("a", { group: "g" })
      yield* say("a", "one")
      yield* say("a", "two")
      assert.deepStrictEqual(yield* Queue.takeN(idle, 2), ["one", "two"])
    }).pipe(Effect.provide(live())))

  it.effect("makes a publisher wait for room, and nobody else", () =>
    Effect.gen(function*() {
      const latch = yield* Latch.make(false)
      const heard = yield* Queue.unbounded<string>()
      const begun = yield* Deferred.make<void>()
      yield* Broker.subscribe(words("a"), (word) =>
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(latch.await),
          Effect.andThen(Queue.offer(heard, word))
        ))
      yield* say("a", "in the handler")
      yield* Deferred.await(begun)
      yield* say("a", "in the queue")
      const waiting = yield* Effect.forkChild(say("a", "in the publisher's hand"), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      yield* say("b", "elsewhere")
      yield* latch.open
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(yield* Queue.takeN(heard, 3), [
        "in the handler",
        "in the queue",
        "in the publisher's hand"
      ])
    }).pipe(Effect.provide(live({ capacity: 1 }))))

  it.effect("takes more events at once than it has room for, as room comes", () =>
    Effect.gen(function*() {
      const heard = yield* listen("a")
      const many = Array.from({ length: 10 }, (_, at) => String(at))
      assert.deepStrictEqual((yield* Broker.publishAll(words("a"), many)).acceptedBy, ["#1"])
      assert.deepStrictEqual(yield* Queue.takeN(heard, 10), many)
    }).pipe(Effect.provide(live({ capacity: 3 }))))

  it.effect("lets go of a publisher when the last subscriber leaves", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const begun = yield* Deferred.make<void>()
      const handler = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      yield* Scope.provide(Broker.subscribe(words("a"), handler), scope)
      yield* say("a", "in the handler")
      yield* Deferred.await(begun)
      yield* say("a", "in the queue")
      const waiting = yield* Effect.forkChild(Broker.publish(words("a"), "waiting"), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(waiting)
    }).pipe(Effect.provide(live({ capacity: 1 }))))

  it.effect("gives what a member of a group held and did not settle to the others", () =>
    Effect.gen(function*() {
      const broker = yield* Broker.Broker
      const scope = yield* Scope.make()
      const { deliveries } = yield* Scope.provide(broker.subscribe("a", { group: "g", prefetch: 4 }), scope)
      yield* say("a", "one")
      yield* Stream.runDrain(Stream.take(deliveries, 1))
      const heard = yield* Queue.unbounded<readonly [string, number]>()
      const handler = (word: string, { attempt }: { readonly attempt: number }) => Queue.offer(heard, [word, attempt])
      yield* Broker.subscribe(words("a"), handler, { group: "g" })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Queue.take(heard), ["one", 2])
    }).pipe(Effect.provide(live())))

  it.effect("refuses an event that is too large, and headers that are", () =>
    Effect.gen(function*() {
      const broker = yield* Broker.Broker
      const small = message("x")
      const long = { ...small.headers, long: "x".repeat(8 * 1024) }
      for (const wrong of [message("xx"), { ...small, headers: long }, { ...small, id: "no id" }]) {
        const { reason } = yield* Effect.flip(broker.publish("a", [small, wrong]))
        assert.strictEqual(reason._tag, "Refused")
      }
      yield* broker.publish("a", [small])
    }).pipe(Effect.provide(live({ maxBody: 3 }))))
})
