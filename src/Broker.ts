/**
 * Events to whoever listens.
 *
 * A `Topic` is a name and a schema. To publish is to hand an event to the broker; to subscribe is to have a handler run
 * for each, until a scope closes. The handler's exit is the acknowledgement: success accepts the event, anything else
 * gives it back. A broker carries bytes and headers, and never knows what they mean.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Codec from "./Codec.ts"

/** An event on the wire. */
export interface Message {
  /** Names in lower case; `content-type` says how the body is written. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** How to subscribe. */
export interface SubscribeOptions {
  /** Of the subscribers with the same group, one gets each event. Without a group, each subscriber gets all. */
  readonly group?: string | undefined
}

/** Carries events to whoever listens. */
export class Broker extends Context.Service<Broker, {
  /** Hands an event over. That nobody listens is not an error. */
  readonly publish: (topic: string, message: Message) => Effect.Effect<void, BrokerError>
  /** Returns once the subscription is live; it ends with the scope. The handler's exit is the acknowledgement. */
  readonly subscribe: <E, R>(
    topic: string,
    handler: (message: Message) => Effect.Effect<void, E, R>,
    options?: SubscribeOptions
  ) => Effect.Effect<void, BrokerError, R | Scope.Scope>
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
): Effect.Effect<void, BrokerError, Broker | Codec.Codec> =>
  Effect.gen(function*() {
    const broker = yield* Broker
    const { preferred } = yield* Codec.Codec
    const body = yield* Effect.mapError(preferred.coder(topic.schema).encode(event), unreadable(topic.name))
    yield* broker.publish(topic.name, { headers: { "content-type": preferred.contentType }, body })
  })

/**
 * Runs a handler for each event of a topic until the scope closes; returns once the subscription is live.
 *
 * **Details**
 *
 * An event that cannot be decoded does not reach the handler and is not acknowledged.
 */
export const subscribe = <S extends Codec.Wire, E, R>(
  topic: Topic<S>,
  handler: (event: S["Type"]) => Effect.Effect<void, E, R>,
  options?: SubscribeOptions
): Effect.Effect<void, BrokerError, Broker | Codec.Codec | Scope.Scope | R> =>
  Effect.gen(function*() {
    const broker = yield* Broker
    const codec = yield* Codec.Codec
    yield* broker.subscribe(topic.name, (message): Effect.Effect<void, E | BrokerError, R> => {
      const contentType = message.headers["content-type"] ?? codec.preferred.contentType
      const format = codec.find(contentType)
      if (format === undefined) {
        const reason = new Codec.UnknownContentType({ contentType, spoken: codec.contentTypes })
        return Effect.fail(unreadable(topic.name)(new Codec.CodecError({ reason })))
      }
      const event = format.coder(topic.schema).decode(message.body)
      return event._tag === "Success"
        ? handler(event.value)
        : Effect.mapError(Effect.asVoid(event), unreadable(topic.name))
    }, options)
  })

/** An event that its own schema or content type does not allow. */
export class Unreadable extends Schema.TaggedError<Unreadable>("effect-micro/Broker/Unreadable")("Unreadable", {
  topic: Schema.String,
  cause: Codec.CodecError
}) {
  override get message(): string {
    return `An event of ${this.topic} cannot be read or written: ${this.cause.message}`
  }
}

/** The topic's name, or the event, is not one that this broker can carry. */
export class Refused extends Schema.TaggedError<Refused>("effect-micro/Broker/Refused")("Refused", {
  topic: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.topic}: ${this.problem}`
  }
}

/** The event reached some subscribers that were known, or none. */
export class Undelivered extends Schema.TaggedError<Undelivered>("effect-micro/Broker/Undelivered")("Undelivered", {
  topic: Schema.String,
  /** How many subscribers (or groups) accepted the event. */
  accepted: Schema.Number,
  /** Who did not accept it, and why. */
  refusals: Schema.Array(Schema.Struct({ subscriber: Schema.String, problem: Schema.String }))
}) {
  override get message(): string {
    const [first] = this.refusals
    const why = first === undefined ? "" : `; ${first.subscriber}: ${first.problem}`
    return `An event of ${this.topic} was accepted by ${this.accepted} and refused by ${this.refusals.length}${why}`
  }
}

/** The broker itself (a server, a registry, a port) cannot be used. */
export class BrokerUnavailable extends Schema.TaggedError<BrokerUnavailable>("effect-micro/Broker/BrokerUnavailable")(
  "BrokerUnavailable",
  { topic: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The broker of ${this.topic} is not available: ${why}`
  }
}

/** Why an event was not carried, or a subscription not made. */
export class BrokerError extends Schema.TaggedError<BrokerError>("effect-micro/BrokerError")("BrokerError", {
  reason: Schema.Union([Unreadable, Refused, Undelivered, BrokerUnavailable])
}) {
  override get message(): string {
    return this.reason.message
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const unreadable = (topic: string) => (cause: Codec.CodecError) =>
  new BrokerError({ reason: new Unreadable({ topic, cause }) })
