/**
 * Deliveries handled one after the other, in the fiber that took them.
 *
 * Handlers that succeed make a row: one interruptible region, and acknowledgements between them as plain calls. So an
 * event that meets no trouble costs one step beside those of its handler, and none where that returns an `Exit`.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Delivery } from "../../Message.ts"
import type { Decoded } from "./coding.ts"
import * as Handling from "./handling.ts"
import type * as Lanes from "./lanes.ts"

/** What a row has to know of its subscription. */
export interface Subscriber<in out A, in out E, R> extends Handling.Policy<A, E, R>, Pick<Lanes.Order<A>, "decode"> {
  /** Tells that a delivery is settled. */
  readonly settled: (delivery: Delivery) => void
}

/** Runs uninterruptible but for the handlers; a delivery that fits in no row is given to `see`. */
export const make = <A, E, R>(subscriber: Subscriber<A, E, R>, see: Lanes.See<A, R>): Lanes.Lanes<R> => ({
  free: Effect.void,
  give: (chunk) => Effect.suspend(() => handleAll(subscriber, see, chunk))
})

// ---------------------------------------------------------------------------------------------------------------------

const handleAll = <A, E, R>(
  subscriber: Subscriber<A, E, R>,
  see: Lanes.See<A, R>,
  chunk: ReadonlyArray<Delivery>
): Effect.Effect<void, never, R> => {
  let at = 0
  let decoded: Decoded<A>
  let event: A
  const isNext = (): boolean => {
    if (at === chunk.length) return false
    decoded = subscriber.decode(chunk[at].message)
    if (!Handling.isPlain(subscriber, chunk[at], decoded)) return false
    event = decoded.value
    return true
  }
  const row = Effect.interruptible(Effect.whileLoop({
    while: isNext,
    body: () => Handling.run(subscriber, chunk[at], event, 0),
    step: () => {
      const delivery = chunk[at++]
      delivery.ackUnsafe!()
      subscriber.settled(delivery)
    }
  }))
  const failed = (cause: Cause.Cause<E>) => {
    // Interrupted after the last one was settled.
    if (at === chunk.length) return Effect.void
    const delivery = chunk[at]
    const settled = Effect.sync(() => subscriber.settled(delivery))
    return Effect.andThen(Handling.settle(subscriber, delivery, event, cause), settled)
  }
  const rowAndOne = Effect.matchCauseEffect(row, {
    onSuccess: () => at === chunk.length ? Effect.void : see(chunk[at], decoded),
    onFailure: failed
  })
  return Effect.whileLoop({ while: () => at < chunk.length, body: () => rowAndOne, step: () => void at++ })
}
