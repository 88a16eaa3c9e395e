/**
 * An event of core NATS in the hands of a subscription, which alone remembers it.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Delivery, Message } from "../../Message.ts"

/** The subscription that has an event. */
export interface Holder {
  readonly settled: (entry: Entry) => void
  /** Hands it out again, after the delay. */
  readonly again: (entry: Entry, delay: Duration.Duration | undefined) => Effect.Effect<void>
}

export class Entry implements Delivery {
  readonly message: Message
  readonly topic: string
  /** How often it was handed over before. */
  readonly handed: number
  readonly #holder: Holder

  constructor(message: Message, topic: string, handed: number, holder: Holder) {
    this.message = message
    this.topic = topic
    this.handed = handed
    this.#holder = holder
  }

  get attempt(): number {
    return this.handed + 1
  }

  // Made when asked for: most deliveries need none of them.
  get ack(): Effect.Effect<void> {
    return Effect.sync(() => this.ackUnsafe())
  }

  ackUnsafe(): void {
    this.#holder.settled(this)
  }

  get giveBack(): Delivery["giveBack"] {
    return (delay) =>
      Effect.suspend(() => {
        this.#holder.settled(this)
        return this.#holder.again(new Entry(this.message, this.topic, this.handed + 1, this.#holder), delay)
      })
  }
}
