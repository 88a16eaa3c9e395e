/**
 * The ways an event can miss its topic: one class, whose `reason` says what happened, and to whom.
 */
import * as Schema from "effect/Schema"
import * as Codec from "./Codec.ts"

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

/** Some of those who are known to listen did not take the events over. */
export class Undelivered extends Schema.TaggedError<Undelivered>("effect-micro/Broker/Undelivered")("Undelivered", {
  topic: Schema.String,
  /** The subscribers and groups that accepted all events, sorted. */
  acceptedBy: Schema.Array(Schema.String),
  /** Who did not accept which of the events, by their places in what was published, and why. */
  refusals: Schema.Array(
    Schema.Struct({ subscriber: Schema.String, problem: Schema.String, events: Schema.Array(Schema.Number) })
  )
}) {
  override get message(): string {
    const [first] = this.refusals
    const why = first === undefined ? "" : `; ${first.subscriber}: ${first.problem}`
    const { length } = this.acceptedBy
    return `An event of ${this.topic} was accepted by ${length} and refused by ${this.refusals.length}${why}`
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
