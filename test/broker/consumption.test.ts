import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Broker from "../../src/Broker.ts"
import { BrokerError, BrokerUnavailable } from "../../src/BrokerError.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { Header, type Message } from "../../src/Message.ts"
import { message, words } from "../suites/broker.ts"

/** A broker that hands out what it is given here, and keeps what is said to it; it may take acknowledgements at once. */
const scripted = (options: { readonly isAway?: boolean; readonly isPrompt: boolean }) =>
  Effect.gen(function*() {
    const said = yield* Queue.unbounded<string>()
    const letters = yield* Queue.unbounded<Message>()
    const deliveries = yield* Queue.unbounded<{ readonly word: string; readonly attempt: number }>()
    const say = (what: string) => Effect.asVoid(Queue.offer(said, what))
    const away = new BrokerError({ reason: new BrokerUnavailable({ topic: "a.dead", cause: new Error("away") }) })
    const broker = Broker.Broker.of({
      publish: (_, messages) =>
        options.isAway === true
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
            ackUnsafe: options.isPrompt ? () => void Queue.offerUnsafe(said, `ack ${word}`) : undefined,
            giveBack: (delay?: Duration.Duration) =>
              say(`back ${word} ${delay === undefined ? 0 : Duration.toMillis(delay)}`),
            stillWorking: say(`working on ${word}`)
          }))
        })
    })
    return { broker, said, letters, hand: (word: string, attempt = 1) => Queue.offer(deliveries, { word, attempt }) }
  })

const live = Layer.merge(JsonCodecLive, Layer.succeed(References.MinimumLogLevel, "None"))

describe.each([false, true])("a subscription where acknowledging at once is %s", (isPrompt) => {
  it.effect("buries unhandled what was handed over too often", () =>
    Effect.gen(function*() {
      const { broker, hand, letters, said } = yield* scripted({ isPrompt })
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
      const { broker, hand, said } = yield* scripted({ isAway: true, isPrompt })
      const handler = () => Effect.die(new Error("a bug"))
      yield* Effect.provideService(Broker.subscribe(words("a"), handler), Broker.Broker, broker)
      yield* hand("one")
      assert.strictEqual(yield* Queue.take(said), "back one 1000")
    }).pipe(Effect.provide(live)))

  it.effect("gives back, after a second, what a handler was handling that interrupts itself", () =>
    Effect.gen(function*() {
      const { broker, hand, said } = yield* scripted({ isPrompt })
      yield* Effect.provideService(Broker.subscribe(words("a"), () => Effect.interrupt), Broker.Broker, broker)
      yield* hand("one")
      assert.strictEqual(yield* Queue.take(said), "back one 1000")
    }).pipe(Effect.provide(live)))

  it.effect("gives back at once what it holds when its scope closes, handled or not", () =>
    Effect.gen(function*() {
      const { broker, hand, said } = yield* scripted({ isPrompt })
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
      const { broker, hand, said } = yield* scripted({ isPrompt })
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

  it.effect("settles what came together one by one and in its order, whatever becomes of each", () =>
    Effect.gen(function*() {
      const { broker, hand, letters, said } = yield* scripted({ isPrompt })
      const handler = (word: string): Effect.Effect<void, string> => {
        if (word === "throws") throw new Error("a bug")
        return word === "fails" ? Effect.fail("no") : word === "waits" ? Effect.yieldNow : Effect.void
      }
      const all = ["one", "fails", "two", "returned", "throws", "waits", "three", "four", "fails", "five", "throws"]
      for (const word of all) yield* hand(word, word === "returned" ? 17 : 1)
      const subscribing = Broker.subscribe(words("a"), handler, { retry: Schedule.recurs(0) })
      yield* Effect.provideService(subscribing, Broker.Broker, broker)
      assert.deepStrictEqual(yield* Queue.takeN(said, all.length), all.map((word) => `ack ${word}`))
      const reasons = (yield* Queue.takeAll(letters)).map(({ headers }) => headers[Header.deadLetterReason])
      assert.deepStrictEqual(reasons, ["failed", "returned", "died", "failed", "died"])
    }).pipe(Effect.provide(live)))

  it.effect("gives back what came together with an acknowledged event when its scope closes", () =>
    Effect.gen(function*() {
      const { broker, hand, said } = yield* scripted({ isPrompt })
      const scope = yield* Scope.make()
      const handler = (word: string) => word === "last" ? Effect.never : Effect.void
      for (const word of ["one", "last", "two"]) yield* hand(word)
      const subscribing = Broker.subscribe(words("a"), handler)
      yield* Effect.provideService(Scope.provide(subscribing, scope), Broker.Broker, broker)
      assert.strictEqual(yield* Queue.take(said), "ack one")
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Queue.takeN(said, 2), ["back last 0", "back two 0"])
    }).pipe(Effect.provide(live)))
})
