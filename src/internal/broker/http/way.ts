/**
 * What a post and those who carry its events have in common: the outbox, and what becomes of events that are settled,
 * given back, or have to find another way.
 */
import * as Effect from "effect/Effect"
import type { Instance } from "../../../Registry.ts"
import type { Connection, Failure, TransportError } from "../../../Transport.ts"
import * as Bundle from "./bundle.ts"
import type { Verdict } from "./frames.ts"
import type * as Outbox from "./outbox.ts"

/** What the publisher's side gives each post. */
export interface Office {
  readonly connect: (address: string) => Effect.Effect<Connection, TransportError>
  /** Carries what waits, until nothing has for a while; how the subscriber ended that, if it did. */
  readonly carry: (way: Way) => Effect.Effect<Failure | undefined, TransportError>
  /** Whether the subscriber is known still. */
  readonly isListed: (subscriber: Instance) => boolean
  readonly doubt: (subscriber: Instance) => Effect.Effect<void>
  readonly bounds: Outbox.Bounds
  /** Starts a fiber that ends with the broker. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Whether another member of the subscriber's group could have its events. */
  readonly hasOthers: (subscriber: Instance) => boolean
  /** Gives events to another member. */
  readonly move: (bundles: ReadonlyArray<Bundle.Bundle>, subscriber: Instance) => void
}

export interface Way {
  readonly subscriber: Instance
  readonly office: Office
  readonly outbox: Outbox.Outbox
  /** Takes back what the subscriber has given back. */
  readonly again: (bundles: ReadonlyArray<Bundle.Bundle>) => void
  /** The subscriber has left: its events find another member of its group, or nobody misses them. */
  readonly leave: () => void
  isOver: boolean
  /** Streams in a row that settled nothing. */
  failures: number
  /** Resumes the stream that waits for an event. */
  wake: (() => void) | undefined
}

/** Another member of the group takes the events, or nobody misses them. */
export const elsewhere = (
  { office, subscriber }: Way,
  bundles: ReadonlyArray<Bundle.Bundle>,
  problem?: unknown
): void => {
  if (bundles.length === 0) return
  for (const { lease, messages } of bundles) {
    if (problem === undefined) lease?.settled(messages.length)
    else lease?.failed(problem)
  }
  if (office.hasOthers(subscriber)) return office.move(bundles.map(Bundle.returned), subscriber)
  for (const bundle of bundles) bundle.parcel.forget(bundle)
}

/** Waits until there is something to carry. */
export const arrived = (way: Way): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (way.outbox.hasWaiting()) return resume(Effect.void)
    way.wake = () => {
      way.wake = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      way.wake = undefined
    })
  })

/** Does what the subscriber has decided; false where it was not sent what it decides about. */
export const settle = (way: Way, verdicts: ReadonlyArray<Verdict>): boolean => {
  for (const verdict of verdicts) {
    const returned = way.outbox.settle(verdict)
    if (returned === undefined) return false
    way.failures = 0
    if (returned.length > 0) comeBack(way, returned, Math.max(leastPause, verdict.pause ?? 0))
  }
  // What is settled makes room for what waited in line.
  if (way.outbox.hasWaiting()) way.wake?.()
  return true
}

// ---------------------------------------------------------------------------------------------------------------------

/** What was given back comes no sooner, in milliseconds: a subscriber that gives all back must not spin. */
const leastPause = 10

const comeBack = (way: Way, settled: ReadonlyArray<Bundle.Bundle>, pause: number): void => {
  const { office, subscriber } = way
  for (const { parcel } of settled) parcel.note(subscriber.id, "it was given back")
  const bundles = settled.map((bundle) => Bundle.again(Bundle.returned(bundle)))
  office.fork(Effect.delay(
    Effect.sync(() => {
      if (way.isOver || office.hasOthers(subscriber)) return elsewhere(way, bundles)
      way.again(bundles)
    }),
    pause
  ))
}
