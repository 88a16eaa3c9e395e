/**
 * Events to whoever listens.
 *
 * A `Topic` is a name and a schema. To publish is to hand events to the broker; to subscribe is to have a handler run for
 * each, until a scope closes. The handler's exit is the acknowledgement. A broker carries bytes and headers, and never
 * knows what they mean; what a subscriber does about a handler that fails is the same for all brokers, and above them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { BrokerError } from "./BrokerError.ts"
import * as Codec from "./Codec.ts"
import * as Coding from "./internal/broker/coding.ts"
import * as Consumption from "./internal/broker/consumption.ts"
import * as DeadLetters from "./internal/broker/deadLetters.ts"
import type { Message, Receipt, Received, Subscription } from "./Message.ts"

/** What a broker has to know of a subscription. */
export interface Interest {
  /** Of the subscriptions with the same group, one gets each event. Without a group, each subscription gets all. */
  readonly group?: string | undefined
  /** Whether the topic's name is a pattern, in the broker's own syntax. `Refused` by a broker that has none. */
  readonly wildcards?: boolean | undefined
  /** How many events may be handed over and not settled yet. */
  readonly prefetch: number
}

/** Carries events to whoever listens. */
export class Broker extends Context.Service<Broker, {
  /** Hands events of one topic over, in this order. That nobody listens is not an error. */
  readonly publish: (topic: string, messages: ReadonlyArray<Message>) => Effect.Effect<Receipt, BrokerError>
  /** Returns once the subscription is live. What was handed over and not settled when the scope closes is given back. */
  readonly subscribe: (topic: string, interest: Interest) => Effect.Effect<Subscription, BrokerError, Scope.Scope>
}>()("effect-micro/Broker") {}

/** A named flow of events of one shape. */
export interface Topic<out S extends Codec.Wire> {
  readonly name: string
  readonly schema: S
}

/**
 * A named flow of events of one shape.
 *
 * **Example** (Publishing and subscribing)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import * as Broker from "effect-micro/Broker"
 *
 * const OrderPlaced = Broker.topic("orders.placed", Schema.Struct({ sku: Schema.String }))
 *
 * export const program = Effect.gen(function*() {
 *   yield* Broker.subscribe(OrderPlaced, (order) => Effect.log(`sold ${order.sku}`))
 *   yield* Broker.publish(OrderPlaced, { sku: "pen" })
 * })
 * ```
 */
export const topic = <S extends Codec.Wire>(name: string, schema: S): Topic<S> => ({ name, schema })

/** Publishes an event of a topic, in the preferred content type. */
export const publish = <S extends Codec.Wire>(
  topic: Topic<S>,
  event: S["Type"]
): Effect.Effect<Receipt, BrokerError, Broker | Codec.Codec> => publishAll(topic, [event])

/**
 * Publishes events of a topic, in their order.
 *
 * **Details**
 *
 * One call for many events is many times cheaper than one for each. None is published where one breaks the schema.
 */
export const publishAll = <S extends Codec.Wire>(
  topic: Topic<S>,
  events: ReadonlyArray<S["Type"]>
): Effect.Effect<Receipt, BrokerError, Broker | Codec.Codec> =>
  Effect.gen(function*() {
    const broker = yield* Broker
    const { preferred } = yield* Codec.Codec
    return yield* broker.publish(topic.name, yield* Coding.encode(topic, preferred, events))
  })

/** How to subscribe, and what to do about a handler that does not succeed. */
export interface SubscribeOptions<in out A, in E = unknown> {
  /** Of the subscriptions with the same group, one gets each event. Without a group, each subscription gets all. */
  readonly group?: string | undefined
  /** How many events are handled at a time; 1 unless told, and then they are handled in their order. */
  readonly concurrency?: number | undefined
  /** Events of the same key are handled in their order, one at a time, however many others are handled meanwhile. */
  readonly ordered?: ((event: A) => string) | undefined
  /** How many events may be held that are not settled; 256 unless told, and at least one for each handler. */
  readonly prefetch?: number | undefined
  /** When a handler that failed runs again; after 100, 200 and 400 milliseconds unless told, and then no more. */
  readonly retry?: Schedule.Schedule<unknown, E> | undefined
  /** How often the event may be handed over before it is given up unhandled, if the broker counts; 16 unless told. */
  readonly deliveries?: number | undefined
  /** Where events go that are given up; `<topic>.dead` unless told. With `false` they are dropped, and the log says so. */
  readonly deadLetter?: string | false | undefined
  /** Whether the topic's name is a pattern, in the broker's own syntax. `Refused` by a broker that has none. */
  readonly wildcards?: boolean | undefined
}

/**
 * Runs a handler for each event of a topic until the scope closes; returns once the subscription is live.
 *
 * **Details**
 *
 * - A handler that succeeds has accepted its event.
 * - One that fails runs again, when its `Schedule` says, and keeps its place meanwhile; after the last time the event goes
 *   to the dead-letter topic, with all its headers and the cause in new ones, and is accepted.
 * - One that dies has its event sent there at once. So is an event that cannot be decoded, with its bytes as they are.
 * - One that is interrupted gives its event back. So does one whose dead letter could not be published.
 *
 * A dead letter that nobody takes, where the broker stores nothing, is dropped, and the log says so. A dead letter that
 * cannot be handled has no dead-letter topic of its own, unless told. A subscription with wildcards does not get dead
 * letters, unless its own topic ends in `.dead`.
 *
 * **Example** (Four at a time, but those of one customer in order)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 * import * as Schema from "effect/Schema"
 * import * as Broker from "effect-micro/Broker"
 *
 * const Paid = Broker.topic("paid", Schema.Struct({ customer: Schema.String }))
 *
 * export const program = Broker.subscribe(Paid, ({ customer }) => Effect.log(customer), {
 *   group: "accounting",
 *   concurrency: 4,
 *   ordered: ({ customer }) => customer,
 *   retry: Schedule.max([Schedule.exponential("1 second"), Schedule.recurs(5)])
 * })
 * ```
 */
export const subscribe = <S extends Codec.Wire, E, R>(
  topic: Topic<S>,
  handler: (event: S["Type"], received: Received) => Effect.Effect<void, E, R>,
  options?: SubscribeOptions<S["Type"], E>
): Effect.Effect<void, BrokerError, Broker | Codec.Codec | Scope.Scope | R> =>
  Effect.gen(function*() {
    const broker = yield* Broker
    const { concurrency = 1, deliveries = 16, ordered, prefetch = 256, retry = patience } = options ?? {}
    const interest = interestOf(options, Math.max(prefetch, concurrency))
    const subscription = yield* broker.subscribe(topic.name, interest)
    yield* Consumption.start(subscription, {
      topic: topic.name,
      decode: Coding.decoder(topic, yield* Codec.Codec),
      handler,
      retry,
      deliveries,
      deadLetters: yield* DeadLetters.make(topic.name, options ?? {}, broker.publish),
      concurrency,
      ordered,
      prefetch: interest.prefetch
    })
  })

/**
 * The events of a topic as a stream, each at most once: it is accepted before the consumer has seen it.
 *
 * **Details**
 *
 * What a consumer that fails or goes has not handled is lost. An event that cannot be decoded goes to the dead letters.
 */
export const streamAtMostOnce = <S extends Codec.Wire>(
  topic: Topic<S>,
  options?: Pick<SubscribeOptions<S["Type"]>, "group" | "prefetch" | "deadLetter" | "wildcards">
): Stream.Stream<S["Type"], BrokerError, Broker | Codec.Codec> =>
  Stream.unwrap(Effect.gen(function*() {
    const broker = yield* Broker
    const decode = Coding.decoder(topic, yield* Codec.Codec)
    const deadLetters = yield* DeadLetters.make(topic.name, options ?? {}, broker.publish)
    const { deliveries } = yield* broker.subscribe(topic.name, interestOf(options, options?.prefetch ?? 256))
    return Consumption.accepted(deliveries, decode, deadLetters)
  }))

// ---------------------------------------------------------------------------------------------------------------------

const interestOf = (
  options: Pick<SubscribeOptions<never, never>, "group" | "wildcards"> | undefined,
  prefetch: number
): Interest => ({ group: options?.group, wildcards: options?.wildcards, prefetch })

// Three pauses, so a handler runs four times at most.
const patience = Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(3)])
