/**
 * The deliveries that a subscription holds, for brokers that take one for lost of which they do not hear.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Delivery } from "../../Message.ts"

export interface Held {
  readonly enter: (chunk: ReadonlyArray<Delivery>) => void
  readonly leave: (delivery: Delivery) => void
  /** Tells the broker of all that are held, time and again. */
  readonly tell: (every: Duration.Duration) => Effect.Effect<unknown>
}

export const make = (): Held => {
  const held = new Set<Delivery>()
  const tell = Effect.suspend(() =>
    Effect.forEach([...held], ({ stillWorking }) => stillWorking ?? Effect.void, { concurrency: 16, discard: true })
  )
  return {
    enter: (chunk) => {
      for (const delivery of chunk) held.add(delivery)
    },
    leave: (delivery) => void held.delete(delivery),
    tell: (every) => Effect.repeat(Effect.delay(tell, every), Schedule.forever)
  }
}
