import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Broker from "../../src/Broker.ts"
import { BrokerError, BrokerUnavailable } from "../../src/BrokerError.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { Header, type Message } from "../../src/Message.ts"
import { message, words } from "../suites/broker.ts"

/** A broker that hands out what it is given here, and keeps what is said to it. */
const scripted = (options?: { readonly isAway?: boolean }) =>
  Effect.gen(function*() {
    const said = yield* Queue.unbounded<string>()
    const letters = yield* Queue.unbounded<Message>()
    const deliveries = yield* Queue.unbounded<{ readonly word: string; readonly attempt: number }>()
    const say = (what: string) => Effect.asVoid(Queue.offer(said, what))
    const away = new BrokerError({ reason: new BrokerUnavailable({ topic: "a.dead", cause: new Error("away") }) })
    const broker = Broker.Broker.of({
      publish: (_, messages) =>
        options?.isAway === true
          ? Effect.fail(away)
          : Effect.as(Queue.offerAll(letters, messages), { acceptedBy: ["a grave"] }),
      subscribe: () =>
        Effect.succeed({
          stillWorkingEvery: Duration.seconds(10),
          deliveries: Stream.map(Stream.fromQueue(deliveries), ({ attempt, word }) => ({
            message: message(word),
            topic: "a",
            attempt,
            ack: say(`ack ${word}`),
            giveBack: (delay?: Duration.Duration) =>
              say(`back ${word} ${delay === undefined ? 0 : Duration.toMillis(delay)}`),
            stillWorking: say(`working on ${word}`)
          }))
        })
    })
    return { broker, said, letters, hand: (word: string, attempt = 1) => Queue.offer(deliveries, { word, attempt }) }
  })

const live = Layer.merge(JsonCodecLive, Layer.succeed(References.MinimumLogLevel, "None"))

describe("a subscription", () => {
  it.effect("buries unhandled what was handed over too often", () =>
    Effect.gen(function*() {
      const { broker, hand, letters, said } = yield* scripted()
      let runs = 0
      const handler = () => Effect.sync(() => void runs++)
      yield* Effect.provideService(Broker.subscribe(words("a"), handler, { deliveries: 3 }), Broker.Broker, broker)
      yield* hand("killer", 4)
      const { headers } = yield* Queue.take(letters)
      assert.deepInclude(headers, {
        [Header.deadLetterReason]: "returned",
        [Header.deadLetterCause]: "Error: It was handed over 3 times, and no handler ended",
        [Header.deadLetterAttempts]: "0"
      })
      assert.strictEqual(yield* Queue.take(said), "ack killer")
      yield* hand("fine", 3)
      assert.strictEqual(yield* Queue.take(said), "ack fine")
      assert.strictEqual(runs, 1)
    }).pipe(Effect.provide(live)))

  it.effect("gives an event back, to come again after a second, whose dead letter cannot be published", () =>
    Effect.gen(function*() {
      const { broker, hand, said } = yield* scripted({ isAway: true })
      const handler = () => Effect.die(new Error("a bug"))
      yield* Effect.provideService(Broker.subscribe(words("a"), handler), Broker.Broker, broker)
      yield* hand("one")
      assert.strictEqual(yield* Queue.take(said), "back one 1000")
    }).pipe(Effect.provide(live)))

  it.effect("gives back, after a second, what a handler was handling that interrupts itself", () =>
    Effect.gen(function*() {
      const { broker, hand, said } = yield* scripted()
      yield* Effect.provideService(Broker.subscribe(words("a"), () => Effect.interrupt), Broker.Broker, broker)
      yield* hand("one")
      assert.strictEqual(yield* Queue.take(said), "back one 1000")
    }).pipe(Effect.provide(live)))

  it.effect("gives back at once what it holds when its scope closes, handled or not", () =>
    Effect.gen(function*() {
      const { broker, hand, said } = yield* scripted()
      const begun = yield* Deferred.make<void>()
      const handler = () => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      yield* hand("one")
      yield* hand("two")
      yield* Effect.scoped(Effect.andThen(
        Effect.provideService(Broker.subscribe(words("a"), handler), Broker.Broker, broker),
        Deferred.await(begun)
      ))
      assert.deepStrictEqual(yield* Queue.takeN(said, 2), ["back one 0", "back two 0"])
    }).pipe(Effect.provide(live)))

  it.effect("waits as its schedule says, and tells the broker meanwhile that it is at work", () =>
    Effect.gen(function*() {
      const { broker, hand, said } = yield* scripted()
      const attempts = yield* Queue.unbounded<number>()
      const handler = (_: string, { attempt }: { readonly attempt: number }) =>
        Effect.andThen(Queue.offer(attempts, attempt), attempt === 2 ? Effect.void : Effect.fail("busy"))
      const subscribing = Broker.subscribe(words("a"), handler, { retry: Schedule.spaced("25 seconds") })
      yield* Effect.provideService(subscribing, Broker.Broker, broker)
      yield* hand("one")
      assert.strictEqual(yield* Queue.take(attempts), 1)
      yield* TestClock.adjust("24 seconds")
      assert.deepStrictEqual(yield* Queue.takeN(said, 2), ["working on one", "working on one"])
      assert.strictEqual(yield* Queue.size(attempts), 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Queue.take(attempts), 2)
      assert.strictEqual(yield* Queue.take(said), "ack one")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Queue.size(said), 0)
    }).pipe(Effect.provide(live)))
})
