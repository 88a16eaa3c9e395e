/** The laws of a broker, run against every layer of the tag. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Broker from "../../src/Broker.ts"
import type { BrokerError } from "../../src/BrokerError.ts"
import type { Codec } from "../../src/Codec.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { Header, type Message, type Received } from "../../src/Message.ts"
import { recording } from "./recording.ts"

/** A topic of words. */
export const words = (name: string) => Broker.topic(name, Schema.String)

let messages = 0

/** A message that says one word, for who hands it to a broker without a codec. */
export const message = (word: string): Message => ({
  id: `message-${++messages}`,
  headers: { "content-type": "application/json", "x-origin": "till 7" },
  body: new TextEncoder().encode(JSON.stringify(word))
})

/** Subscribes, and keeps what is heard. */
export const listen = (topic: string, options?: Broker.SubscribeOptions<string>) =>
  Effect.gen(function*() {
    const heard = yield* Queue.unbounded<string>()
    yield* Broker.subscribe(words(topic), (word) => Queue.offer(heard, word), options)
    return heard
  })

/** Publishes one word; how it went is not asked. */
export const say = (topic: string, word: string): Effect.Effect<void, never, Broker.Broker | Codec> =>
  Effect.ignore(Broker.publish(words(topic), word))

/** The dead letters of a topic: what each handler of them is told. */
export const graveyard = (topic: string) =>
  Effect.gen(function*() {
    const letters = yield* Queue.unbounded<Message & Received>()
    const broker = yield* Broker.Broker
    const { deliveries } = yield* broker.subscribe(topic, { prefetch: 16 })
    yield* Effect.forkScoped(Stream.runForEach(deliveries, ({ ack, attempt, message, topic }) =>
      Effect.andThen(Queue.offer(letters, { ...message, topic, attempt }), ack)))
    return letters
  })

/** What sets a broker apart within the laws. */
export interface Traits {
  /** A pattern that `laws.one` and `laws.two` match, where the broker has wildcards. */
  readonly wildcard?: string | undefined
}

/** Proves that a layer is a broker. */
export const brokerSuite = <E>(name: string, layer: Layer.Layer<Broker.Broker, E>, traits: Traits = {}): void => {
  describe(`${name} is a broker`, () => {
    const law = (
      sentence: string,
      proof: Effect.Effect<void, BrokerError, Broker.Broker | Codec | Scope.Scope>
    ) =>
      it.live(sentence, () =>
        Effect.provide(proof, Layer.merge(layer, JsonCodecLive)).pipe(
          // Handlers that fail on purpose are many here, and each is told of.
          Effect.provideService(References.MinimumLogLevel, "None")
        ))

    law(
      "carries id, headers and body as they are, to who subscribed just before",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const { deliveries } = yield* broker.subscribe("a", { prefetch: 1 })
        const sent = message("héllo")
        const publishing = yield* Effect.forkChild(broker.publish("a", [sent]))
        const [{ ack, attempt, message: { body, headers, id }, topic }] = yield* Stream.runCollect(
          Stream.take(deliveries, 1)
        )
        yield* ack
        yield* Fiber.join(publishing)
        assert.deepStrictEqual([id, topic, attempt], [sent.id, "a", 1])
        assert.deepStrictEqual(new Uint8Array(body), sent.body)
        assert.deepInclude(headers, sent.headers)
      })
    )

    law(
      "tells a handler of its event's id, topic, time and content type",
      Effect.gen(function*() {
        const told = yield* Queue.unbounded<Received>()
        yield* Broker.subscribe(words("a"), (_, received) => Queue.offer(told, received))
        yield* Broker.publishAll(words("a"), ["one", "two"])
        const [first, second] = yield* Queue.takeN(told, 2)
        assert.deepStrictEqual([first.topic, first.attempt], ["a", 1])
        assert.strictEqual(first.headers[Header.contentType], "application/json")
        assert.match(first.headers[Header.time], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
        assert.notStrictEqual(first.id, second.id)
      })
    )

    law(
      "gives each subscriber without a group every event, in order",
      Effect.gen(function*() {
        const all = yield* Effect.all(Array.from({ length: 3 }, () => listen("a")))
        for (const word of numbered(20)) yield* say("a", word)
        for (const heard of all) assert.deepStrictEqual(yield* Queue.takeN(heard, 20), numbered(20))
      })
    )

    law(
      "gives each event to one of a group",
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<string>()
        for (let member = 0; member < 3; member++) {
          yield* Broker.subscribe(words("a"), (word) => Queue.offer(heard, word), { group: "g" })
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
        yield* Broker.publish(words("a"), "one")
        yield* Effect.scoped(listen("a"))
        yield* Broker.publish(words("a"), "two")
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
        const scope = yield* Scope.make()
        const ended = yield* Deferred.make<void>()
        // Whether the handler is interrupted after that is the broker's choice; that it is not waited for, is not.
        const handler = () => Effect.ensuring(Scope.close(scope, Exit.void), Deferred.succeed(ended, undefined))
        yield* Scope.provide(Broker.subscribe(words("a"), handler), scope)
        yield* say("a", "one")
        yield* Deferred.await(ended)
      })
    )

    law(
      "gives the event of a member that leaves to another one of its group",
      Effect.gen(function*() {
        const holder = yield* Deferred.make<Scope.Closeable>()
        const heard = yield* Queue.unbounded<string>()
        for (const scope of [yield* Scope.make(), yield* Scope.make()]) {
          // The first one to be given the event holds on to it.
          const handler = (word: string) =>
            Effect.flatMap(
              Deferred.succeed(holder, scope),
              (isFirst) => isFirst ? Effect.never : Queue.offer(heard, word)
            )
          yield* Scope.provide(Broker.subscribe(words("a"), handler, { group: "g" }), scope)
        }
        yield* Effect.forkScoped(say("a", "one"))
        yield* Scope.close(yield* Deferred.await(holder), Exit.void)
        assert.strictEqual(yield* Queue.take(heard), "one")
      })
    )

    law(
      "hands out again what was given back, and counts",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const { deliveries } = yield* broker.subscribe("a", { prefetch: 1 })
        const sent = message("one")
        const publishing = yield* Effect.forkChild(broker.publish("a", [sent]))
        const seen = yield* deliveries.pipe(
          Stream.take(2),
          Stream.tap(({ ack, attempt, giveBack }) => attempt === 1 ? giveBack() : ack),
          Stream.runCollect
        )
        assert.deepStrictEqual(seen.map(({ attempt, message }) => [message.id, attempt]), [[sent.id, 1], [sent.id, 2]])
        yield* Fiber.join(publishing)
      })
    )

    law(
      "runs a handler that fails again, as its schedule says, and then buries the event with the cause",
      Effect.gen(function*() {
        const letters = yield* graveyard("a.dead")
        const attempts = yield* Queue.unbounded<number>()
        yield* Broker.subscribe(
          words("a"),
          (_, { attempt }) => Effect.andThen(Queue.offer(attempts, attempt), Effect.fail(new Error("no\nroom"))),
          { group: "g", retry: Schedule.recurs(2) }
        )
        yield* Broker.publish(words("a"), "one")
        const { body, headers, topic } = yield* Queue.take(letters)
        assert.deepStrictEqual(yield* Queue.takeAll(attempts), [1, 2, 3])
        assert.strictEqual(topic, "a.dead")
        assert.strictEqual(new TextDecoder().decode(body), `"one"`)
        assert.deepInclude(headers, {
          [Header.contentType]: "application/json",
          [Header.deadLetterTopic]: "a",
          [Header.deadLetterGroup]: "g",
          [Header.deadLetterReason]: "failed",
          [Header.deadLetterCause]: "Error: no room",
          [Header.deadLetterAttempts]: "3"
        })
      })
    )

    law(
      "accepts what a handler manages at last",
      Effect.gen(function*() {
        const letters = yield* graveyard("a.dead")
        const heard = yield* Queue.unbounded<string>()
        const handler = (word: string, { attempt }: Received) =>
          attempt < 3 && word === "hard" ? Effect.fail("not yet") : Queue.offer(heard, word)
        yield* Broker.subscribe(words("a"), handler, { retry: Schedule.recurs(2) })
        yield* Broker.publishAll(words("a"), ["hard", "easy"])
        assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["hard", "easy"])
        assert.strictEqual(yield* Queue.size(letters), 0)
      })
    )

    law(
      "buries at once what a handler dies of, where it was told to",
      Effect.gen(function*() {
        const letters = yield* graveyard("graves")
        let runs = 0
        const handler = (): Effect.Effect<void> => {
          runs++
          throw new Error("a bug")
        }
        yield* Broker.subscribe(words("a"), handler, { retry: Schedule.recurs(9), deadLetter: "graves" })
        yield* say("a", "one")
        const { headers } = yield* Queue.take(letters)
        assert.deepInclude(headers, { [Header.deadLetterReason]: "died", [Header.deadLetterCause]: "Error: a bug" })
        assert.strictEqual(runs, 1)
      })
    )

    law(
      "buries what cannot be read with its bytes, and goes on",
      Effect.gen(function*() {
        const broker = yield* Broker.Broker
        const letters = yield* graveyard(`${OrderPlaced.name}.dead`)
        const heard = yield* Queue.unbounded<number>()
        yield* Broker.subscribe(OrderPlaced, ({ count }) => Queue.offer(heard, count))
        const broken = { ...message(""), body: new TextEncoder().encode(`{"sku":1`) }
        const foreign = { ...message("?"), headers: { "content-type": "application/x-nobody-speaks" } }
        yield* broker.publish(OrderPlaced.name, [broken, foreign])
        yield* Broker.publish(OrderPlaced, { sku: "pen", count: 7, at: new Date(0) })
        assert.strictEqual(yield* Queue.take(heard), 7)
        const buried = yield* Queue.takeN(letters, 2)
        assert.deepStrictEqual(buried.map(({ body }) => new Uint8Array(body)), [broken.body, foreign.body])
        assert.deepStrictEqual(buried.map(({ headers }) => headers[Header.deadLetterReason]), [
          "undecodable",
          "undecodable"
        ])
      })
    )

    law(
      "drops what is given up where there are to be no dead letters",
      Effect.gen(function*() {
        const letters = yield* graveyard("a.dead")
        const heard = yield* Queue.unbounded<string>()
        const handler = (word: string) => word === "bad" ? Effect.fail("no") : Queue.offer(heard, word)
        yield* Broker.subscribe(words("a"), handler, { retry: Schedule.recurs(0), deadLetter: false })
        yield* Broker.publishAll(words("a"), ["bad", "good"])
        assert.strictEqual(yield* Queue.take(heard), "good")
        assert.strictEqual(yield* Queue.size(letters), 0)
      })
    )

    law(
      "keeps the others' events from the failure of one",
      Effect.gen(function*() {
        yield* Broker.subscribe(words("a"), () => Effect.fail("always"))
        const other = yield* listen("a")
        for (const word of numbered(5)) yield* say("a", word)
        assert.deepStrictEqual(yield* Queue.takeN(other, 5), numbered(5))
      })
    )

    law(
      "goes on after a handler that died",
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<string>()
        yield* Broker.subscribe(words("a"), (word) => {
          if (word === "bad") throw new Error("a bug")
          return Queue.offer(heard, word)
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
        const { most } = yield* overlapping({})
        assert.strictEqual(most, 1)
      })
    )

    law(
      "gives a handler as many events at a time as it was told, and no more",
      Effect.gen(function*() {
        const { most } = yield* overlapping({ concurrency: 3 })
        assert.strictEqual(most, 3)
      })
    )

    law(
      "handles the events of a key in order, and those of others meanwhile",
      Effect.gen(function*() {
        const stuck = yield* Latch.make(false)
        const heard = yield* Queue.unbounded<string>()
        yield* Broker.subscribe(
          words("a"),
          (word) => Effect.andThen(word === "x1" ? stuck.await : Effect.void, Queue.offer(heard, word)),
          { concurrency: 2, ordered: (word) => word[0] }
        )
        yield* Effect.forkScoped(Broker.publishAll(words("a"), ["x1", "x2", "x3", "y1", "y2", "z1"]))
        assert.deepStrictEqual(yield* Queue.takeN(heard, 3), ["y1", "y2", "z1"])
        yield* stuck.open
        assert.deepStrictEqual(yield* Queue.takeN(heard, 3), ["x1", "x2", "x3"])
      })
    )

    law(
      "hands the publisher's trace to the handler, and what records it a span of its own",
      Effect.gen(function*() {
        const { spans, tracer } = recording()
        const seen = yield* Queue.unbounded<string>()
        const handler = () =>
          Effect.flatMap(Effect.orDie(Effect.currentParentSpan), ({ traceId }) => Queue.offer(seen, traceId))
        yield* Broker.subscribe(words("a"), handler)
        yield* Effect.provideService(Broker.subscribe(words("a"), handler), Tracer.Tracer, tracer)
        const publishing = Effect.flatMap(
          Effect.orDie(Effect.currentSpan),
          ({ traceId }) => Effect.as(Broker.publish(words("a"), "one"), traceId)
        )
        const traceId = yield* Effect.withSpan(publishing, "publish")
        assert.deepStrictEqual(yield* Queue.takeN(seen, 2), [traceId, traceId])
        assert.deepStrictEqual(spans.map(({ kind, name, traceId }) => [kind, name, traceId]), [
          ["consumer", "process a", traceId]
        ])
      })
    )

    law(
      "runs a handler with the services of who subscribed",
      Effect.gen(function*() {
        const heard = yield* Deferred.make<string>()
        const handler = () => Effect.flatMap(Greeting, (greeting) => Deferred.succeed(heard, greeting))
        yield* Effect.provideService(Broker.subscribe(words("a"), handler), Greeting, "hello")
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
      "refuses to publish what breaks its topic",
      Effect.gen(function*() {
        const wrong = { sku: "pen", count: 1.5, at: new Date(0) }
        const { reason } = yield* Effect.orDie(Effect.flip(Broker.publish(OrderPlaced, wrong)))
        assert.strictEqual(reason._tag, "Unreadable")
      })
    )

    law(
      "gives events as a stream, and takes each for accepted that was given",
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<string>()
        const begun = yield* listen("a")
        const streamed = Stream.runForEach(
          Stream.take(Broker.streamAtMostOnce(words("a")), 2),
          (word) => Queue.offer(heard, word)
        )
        const fiber = yield* Effect.forkChild(streamed)
        // Nobody can tell when a stream is live but by what comes of it.
        yield* Effect.forkScoped(Effect.repeat(say("a", "one"), Schedule.spaced("10 millis")))
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* Queue.takeN(heard, 2), ["one", "one"])
        assert.strictEqual(yield* Queue.take(begun), "one")
      })
    )

    law(
      "refuses a topic that is no name",
      Effect.gen(function*() {
        for (const name of ["", "with space", "line\nbreak", "x".repeat(4096)]) {
          const { reason } = yield* Effect.orDie(Effect.flip(Broker.publish(words(name), "one")))
          assert.strictEqual(reason._tag, "Refused", JSON.stringify(name))
          const subscribed = yield* Effect.orDie(Effect.flip(Effect.scoped(listen(name))))
          assert.strictEqual(subscribed.reason._tag, "Refused", JSON.stringify(name))
        }
      })
    )

    law(
      traits.wildcard === undefined ? "refuses a topic with wildcards" : "hands out what a pattern matches",
      Effect.gen(function*() {
        const heard = yield* Queue.unbounded<string>()
        const subscribing = Broker.subscribe(
          words(traits.wildcard ?? "laws.*"),
          (word, { topic }) => Queue.offer(heard, `${topic}: ${word}`),
          { wildcards: true }
        )
        if (traits.wildcard === undefined) {
          const { reason } = yield* Effect.orDie(Effect.flip(subscribing))
          return assert.strictEqual(reason._tag, "Refused")
        }
        yield* subscribing
        yield* Broker.publish(words("laws.one"), "1")
        yield* Broker.publish(words("laws.two"), "2")
        assert.sameMembers(yield* Queue.takeN(heard, 2), ["laws.one: 1", "laws.two: 2"])
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
  const running = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const handler = () =>
    Deferred.succeed(running, undefined).pipe(
      Effect.andThen(Effect.never),
      Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
    )
  const subscribe = (topic: string, options?: Broker.SubscribeOptions<string>) =>
    Broker.subscribe(words(topic), handler, options)
  return { running, interrupted, subscribe }
})

/** How many handlers of one subscription were seen to run at a time, while twelve events came. */
const overlapping = (options: Broker.SubscribeOptions<string>) =>
  Effect.gen(function*() {
    const done = yield* Queue.unbounded<void>()
    let running = 0
    let most = 0
    const handler = () =>
      Effect.gen(function*() {
        most = Math.max(most, ++running)
        yield* Effect.sleep("5 millis")
        running--
        yield* Queue.offer(done, undefined)
      })
    yield* Broker.subscribe(words("a"), handler, options)
    yield* Effect.forkScoped(Broker.publishAll(words("a"), numbered(12)))
    yield* Queue.takeN(done, 12)
    return { most }
  })
