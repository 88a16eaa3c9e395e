/** The laws of a broker, run against every layer of the tag. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Broker from "../../src/Broker.ts"
import type { Codec } from "../../src/Codec.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"

/** A message that says one word. */
export const message = (word: string): Broker.Message => ({
  headers: { "content-type": "text/plain", "x-origin": "till 7" },
  body: new TextEncoder().encode(word)
})

/** What a message says. */
export const word = ({ body }: Broker.Message): string => new TextDecoder().decode(body)

/** Subscribes, and keeps what is heard. */
export const listen = (topic: string, options?: Broker.SubscribeOptions) =>
  Effect.gen(function*() {
    const broker = yield* Broker.Broker
    const heard = yield* Queue.unbounded<string>()
    yield* broker.subscribe(topic, (message) => Queue.offer(heard, word(message)), options)
    return heard
  })

/** Publishes one word; how it went is not asked. */
export const say = (topic: string, word: string): Effect.Effect<void, never, Broker.Broker> =>
  Effect.ignore(Effect.flatMap(Broker.Broker, (broker) => broker.publish(topic, message(word))))

/** Proves that a layer is a broker. */
export const brokerSuite = <E>(name: string, layer: Layer.Layer<Broker.Broker, E>): void => {
  describe(`${name} is a broker`, () => {
    const law = (
      sentence: string,
      proof: Effect.Effect<void, Broker.BrokerError, Broker.Broker | Codec | Scope.Scope>
    ) =>
      it.live(sentence, () =>
        Effect.provide(proof, Layer.merge(layer, JsonCodecLive)).pipe(
          // Handlers that fail on purpose are many here, and each is told of.
          Effect.provideService(References.MinimumLogLevel, "None")
        ))

    law(
      "carries headers and body as they are, to who subscribed just before",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const heard = yield* Deferred.make<Broker.Message>()
        yield* broker.subscribe("a", (message) => Deferred.succeed(heard, message))
        yield* broker.publish("a", message("héllo"))
        const { body, headers } = yield* Deferred.await(heard)
        assert.strictEqual(new TextDecoder().decode(body), "héllo")
        assert.deepInclude(headers, { "content-type": "text/plain", "x-origin": "till 7" })
      })
    )

    law(
      "gives each subscriber without a group every event, in order",
      Effect.gen(function*() {
        const all = yield* Effect.all(Array.from({ length: 3 }, () => listen("a")))
        const words = numbered(20)
        for (const word of words) yield* say("a", word)
        for (const heard of all) assert.deepStrictEqual(yield* Queue.takeN(heard, 20), words)
      })
    )

    law(
      "gives each event to one of a group",
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<string>()
        const broker = yield* Broker.Broker
        for (let member = 0; member < 3; member++) {
          yield* broker.subscribe("a", (message) => Queue.offer(heard, word(message)), { group: "g" })
        }
        const everyone = yield* listen("a")
        for (const word of numbered(30)) yield* say("a", word)
        assert.sameMembers(yield* Queue.takeN(heard, 30), numbered(30))
        yield* Queue.takeN(everyone, 30)
        assert.strictEqual(yield* Queue.size(heard), 0)
      })
    )

    law(
      "gives each event to every group, and to every subscriber without one",
      Effect.gen(function*() {
        const heard = yield* Effect.all([listen("a", { group: "g" }), listen("a", { group: "h" }), listen("a")])
        for (const word of numbered(10)) yield* say("a", word)
        for (const one of heard) assert.deepStrictEqual(yield* Queue.takeN(one, 10), numbered(10))
      })
    )

    law(
      "takes no offence at a topic that nobody listens to",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        yield* broker.publish("a", message("one"))
        yield* Effect.scoped(listen("a"))
        yield* broker.publish("a", message("two"))
      })
    )

    law(
      "keeps topics apart",
      Effect.gen(function*() {
        const [a, b] = yield* Effect.all([listen("a"), listen("b")])
        yield* say("a", "for a")
        yield* say("b", "for b")
        assert.strictEqual(yield* Queue.take(a), "for a")
        assert.strictEqual(yield* Queue.take(b), "for b")
        assert.strictEqual(yield* Queue.size(a), 0)
      })
    )

    law(
      "ends a subscription with its scope",
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const leaver = yield* Scope.provide(listen("a"), scope)
        const stayer = yield* listen("a")
        yield* say("a", "one")
        yield* Queue.take(leaver)
        yield* Scope.close(scope, Exit.void)
        yield* say("a", "two")
        assert.deepStrictEqual(yield* Queue.takeN(stayer, 2), ["one", "two"])
        assert.strictEqual(yield* Queue.size(leaver), 0)
      })
    )

    law(
      "interrupts the handler of a subscription that ends",
      Effect.gen(function*() {
        const { interrupted, running, subscribe } = yield* stuck
        const scope = yield* Scope.make()
        yield* Scope.provide(subscribe("a"), scope)
        const saying = yield* Effect.forkChild(say("a", "one"))
        yield* Deferred.await(running)
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(yield* Deferred.isDone(interrupted))
        yield* Fiber.join(saying)
      })
    )

    law(
      "lets a handler end its own subscription",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const scope = yield* Scope.make()
        const ended = yield* Deferred.make<void>()
        // Whether the handler is interrupted after that is the broker's choice; that it is not waited for, is not.
        const handler = () => Effect.ensuring(Scope.close(scope, Exit.void), Deferred.succeed(ended, undefined))
        yield* Scope.provide(broker.subscribe("a", handler), scope)
        yield* say("a", "one")
        yield* Deferred.await(ended)
      })
    )

    law(
      "gives the event of a member that leaves to another one of its group",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const holder = yield* Deferred.make<Scope.Closeable>()
        const heard = yield* Queue.unbounded<string>()
        for (const scope of [yield* Scope.make(), yield* Scope.make()]) {
          // The first one to be given the event holds on to it.
          const handler = (message: Broker.Message) =>
            Effect.flatMap(
              Deferred.succeed(holder, scope),
              (isFirst) => isFirst ? Effect.never : Queue.offer(heard, word(message))
            )
          yield* Scope.provide(broker.subscribe("a", handler, { group: "g" }), scope)
        }
        yield* Effect.forkScoped(say("a", "one"))
        yield* Scope.close(yield* Deferred.await(holder), Exit.void)
        assert.strictEqual(yield* Queue.take(heard), "one")
      })
    )

    law(
      "does not take for delivered what a handler did not accept",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const again = yield* Deferred.make<void>()
        let deliveries = 0
        yield* broker.subscribe(
          "a",
          () => Effect.suspend(() => ++deliveries > 1 ? Deferred.succeed(again, undefined) : Effect.fail("busy"))
        )
        const told = Effect.matchEffect(broker.publish("a", message("one")), {
          onFailure: () => Effect.void,
          onSuccess: () => Effect.never
        })
        yield* Effect.raceFirst(told, Deferred.await(again)).pipe(Effect.timeout("5 seconds"), Effect.orDie)
      })
    )

    law(
      "gives an event that one of a group does not accept to another one",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        for (let member = 0; member < 2; member++) {
          yield* broker.subscribe("a", () => Effect.fail("busy"), { group: "g" })
        }
        const willing = yield* listen("a", { group: "g" })
        for (const word of numbered(5)) yield* say("a", word)
        assert.sameMembers(yield* Queue.takeN(willing, 5), numbered(5))
      })
    )

    law(
      "keeps the others' events from the failure of one",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        yield* broker.subscribe("a", () => Effect.fail("always"))
        const other = yield* listen("a")
        for (const word of numbered(5)) yield* say("a", word)
        assert.deepStrictEqual(yield* Queue.takeN(other, 5), numbered(5))
      })
    )

    law(
      "goes on after a handler that died",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const heard = yield* Queue.unbounded<string>()
        yield* broker.subscribe("a", (message) => {
          if (word(message) === "bad") throw new Error("a bug")
          return Queue.offer(heard, word(message))
        })
        yield* say("a", "bad")
        yield* say("a", "good")
        assert.strictEqual(yield* Queue.take(heard), "good")
      })
    )

    law(
      "lets no slow subscriber hold up another",
      Effect.gen(function*() {
        const { running, subscribe } = yield* stuck
        yield* subscribe("a")
        const quick = yield* listen("a")
        for (const word of numbered(20)) yield* Effect.forkScoped(say("a", word))
        yield* Deferred.await(running)
        assert.sameMembers(yield* Queue.takeN(quick, 20), numbered(20))
      })
    )

    law(
      "gives a handler one event at a time",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const done = yield* Queue.unbounded<number>()
        let running = 0
        yield* broker.subscribe("a", () =>
          Effect.gen(function*() {
            const others = running++
            yield* Effect.yieldNow
            running--
            yield* Queue.offer(done, others)
          }))
        for (const word of numbered(10)) yield* Effect.forkScoped(say("a", word))
        assert.deepStrictEqual(yield* Queue.takeN(done, 10), Array.from({ length: 10 }, () => 0))
      })
    )

    law(
      "runs a handler with the services of who subscribed",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const heard = yield* Deferred.make<string>()
        const handler = () => Effect.flatMap(Greeting, (greeting) => Deferred.succeed(heard, greeting))
        yield* Effect.provideService(broker.subscribe("a", handler), Greeting, "hello")
        yield* say("a", "one")
        assert.strictEqual(yield* Deferred.await(heard), "hello")
      })
    )

    law(
      "carries events of a typed topic",
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<typeof OrderPlaced.schema.Type>()
        yield* Broker.subscribe(OrderPlaced, (order) => Queue.offer(heard, order))
        const order = { sku: "pen", count: 2, at: new Date(0) }
        yield* Broker.publish(OrderPlaced, order)
        assert.deepStrictEqual(yield* Queue.take(heard), order)
      })
    )

    law(
      "keeps from a typed handler what its topic cannot read",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const heard = yield* Queue.unbounded<number>()
        yield* Broker.subscribe(OrderPlaced, ({ count }) => Queue.offer(heard, count))
        const headers = { "content-type": "application/json" }
        const body = new TextEncoder().encode(`{"sku":1}`)
        yield* Effect.ignore(broker.publish(OrderPlaced.name, { headers, body }))
        yield* say(OrderPlaced.name, "of a content type that nobody speaks")
        yield* Broker.publish(OrderPlaced, { sku: "pen", count: 7, at: new Date(0) })
        assert.strictEqual(yield* Queue.take(heard), 7)
      })
    )

    law(
      "refuses to publish what breaks its topic",
      Effect.gen(function*() {
        const wrong = { sku: "pen", count: 1.5, at: new Date(0) }
        const { reason } = yield* Effect.orDie(Effect.flip(Broker.publish(OrderPlaced, wrong)))
        assert.strictEqual(reason._tag, "Unreadable")
      })
    )
  })
}

// ---------------------------------------------------------------------------------------------------------------------

const OrderPlaced = Broker.topic(
  "orders.placed",
  Schema.Struct({ sku: Schema.String, count: Schema.Int, at: Schema.Date })
)

class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}

const numbered = (count: number): Array<string> => Array.from({ length: count }, (_, index) => `word ${index}`)

/** A subscriber whose handler never ends by itself. */
const stuck = Effect.gen(function*() {
  const broker = yield* Broker.Broker
  const running = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const handler = () =>
    Deferred.succeed(running, undefined).pipe(
      Effect.andThen(Effect.never),
      Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
    )
  const subscribe = (topic: string, options?: Broker.SubscribeOptions) => broker.subscribe(topic, handler, options)
  return { running, interrupted, subscribe }
})
