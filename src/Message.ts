/**
 * An event on the wire, and how a broker hands it over.
 *
 * A broker carries a `Message` and knows nothing of its body; what comes of it at a subscriber it learns through the
 * `Delivery` that it made of it.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

/**
 * An event on the wire.
 *
 * **Gotchas**
 *
 * Who makes another one of it names the fields: an id may be put together when it is asked for, and `...` would lose it.
 */
export interface Message {
  /** What tells this event from every other one, of any publisher; at most 128 visible ASCII characters. */
  readonly id: string
  /** Names in lower case. The messages of one publishing may share the object. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/**
 * The names of headers that this package reads or writes.
 *
 * **Details**
 *
 * The `deadLetter…` ones are those of an event in a dead-letter topic, beside all that it had before.
 */
export const Header = {
  /** How the body is written. */
  contentType: "content-type",
  /** W3C trace context of the publisher. */
  traceparent: "traceparent",
  /** When the event was published: a date and time of ISO 8601, in UTC. */
  time: "message-time",
  /** The message's id, for brokers that have no other place for it. */
  id: "message-id",
  /** How often the event was handed over, this time included, for brokers that do not count themselves. */
  attempt: "message-attempt",
  /** The topic that the event was published to. */
  deadLetterTopic: "dead-letter-topic",
  /** The group that could not handle it, if it was one. */
  deadLetterGroup: "dead-letter-group",
  /** `failed`, `died`, `undecodable` or `returned`: why it is here. */
  deadLetterReason: "dead-letter-reason",
  /** What the handler failed or died with, or what is wrong with the body, in one line of 1024 characters at most. */
  deadLetterCause: "dead-letter-cause",
  /** How many times a handler was run for it by the subscriber that gave up. */
  deadLetterAttempts: "dead-letter-attempts",
  /** When it was given up. */
  deadLetterTime: "dead-letter-time"
} as const

/** What a handler may know of its event beside the event itself. */
export interface Received {
  readonly id: string
  /** The topic that it was published to; of interest where the subscription has wildcards. */
  readonly topic: string
  readonly headers: Readonly<Record<string, string>>
  /** Which run of the handler this is, for this subscription as far as it is known: 1 for the first. */
  readonly attempt: number
}

/**
 * A message in the hands of a subscriber, who settles it exactly once: by `ack`, `ackUnsafe` or `giveBack`.
 *
 * **Details**
 *
 * All three end within a bound, and none of them fails: what could not be told to the broker is as good as not settled,
 * and the broker hands the message out again.
 */
export interface Delivery {
  readonly message: Message
  /** The topic that it was published to. */
  readonly topic: string
  /** How often the broker has handed it to this subscriber or its group, this time included; 1 where it cannot know. */
  readonly attempt: number
  /** It was handled, or it lies in a dead-letter topic: it is not delivered again. */
  readonly ack: Effect.Effect<void>
  /** The same at once, of brokers where it takes no waiting: an event whose handler succeeds then costs few steps. */
  readonly ackUnsafe?: (() => void) | undefined
  /** It was not handled, and is to be delivered again, no sooner than after the delay. */
  readonly giveBack: (delay?: Duration.Duration) => Effect.Effect<void>
  /** Work on it goes on: it is not to be taken for lost. Only of brokers that would. */
  readonly stillWorking?: Effect.Effect<void> | undefined
}

/** A live subscription, as a broker gives it. */
export interface Subscription {
  /** Does not fail: a broker that loses its server finds back to it. Ends with the scope of the subscription, or never. */
  readonly deliveries: Stream.Stream<Delivery>
  /** How often the broker has to hear of a delivery that is worked on, if it has to. */
  readonly stillWorkingEvery?: Duration.Duration | undefined
}

/** What became of a publishing. */
export interface Receipt {
  /**
   * Who has taken the events over, sorted: the server that stored them, or each subscriber and group that acknowledged
   * them. Empty where nobody listens and nothing is stored.
   */
  readonly acceptedBy: ReadonlyArray<string>
}
