/**
 * The way from a publisher to one subscriber: an outbox, and a stream that carries it.
 *
 * One stream at a time, so events keep their order; it opens with the first event and ends after a while without any.
 * Where it breaks, what was not settled goes again, ahead of what waits, for as long as the subscriber is known.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Instance } from "../../../Registry.ts"
import { type Failure, TransportError } from "../../../Transport.ts"
import type * as Bundle from "./bundle.ts"
import * as Outbox from "./outbox.ts"
import * as Way from "./way.ts"

export interface Post {
  readonly subscriber: Instance
  /** Whether nothing is under way. */
  readonly isIdle: () => boolean
  /** Whether the subscriber could not be reached lately. */
  readonly isFailing: () => boolean
  readonly offer: (bundles: ReadonlyArray<Bundle.Bundle>) => void
  readonly sweep: () => void
}

/** The post to a subscriber; `ended` is told when the subscriber has left for good. */
export const make = (subscriber: Instance, office: Way.Office, ended: () => void): Post => {
  const outbox = Outbox.make(subscriber.id, office.bounds)
  const way: Way.Way = {
    subscriber,
    office,
    outbox,
    again: (bundles) => {
      outbox.offerAgain(bundles)
      kick()
    },
    leave: () => {
      way.isOver = true
      ended()
      Way.elsewhere(way, outbox.clear())
    },
    isOver: false,
    failures: 0,
    wake: undefined
  }
  let isRunning = false
  const running = Effect.ensuring(
    run(way),
    Effect.sync(() => {
      isRunning = false
    })
  )
  const kick = () => {
    if (way.wake !== undefined) return way.wake()
    if (isRunning || outbox.isEmpty()) return
    isRunning = true
    office.fork(running)
  }
  return {
    subscriber,
    isIdle: () => !isRunning && outbox.isEmpty(),
    isFailing: () => way.failures > 0,
    offer: (bundles) => {
      if (way.isOver) return Way.elsewhere(way, bundles)
      outbox.offer(bundles)
      kick()
    },
    sweep: () => {
      outbox.sweep()
      kick()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** The pause before the next stream: full jitter up to this, doubled with each failure, in milliseconds. */
const firstPause = 50
const longestPause = 5000

/** One stream after the other, while there is anything to carry and somebody to carry it to. */
const run = (way: Way.Way): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { office, outbox, subscriber } = way
    while (!outbox.isEmpty()) {
      const end = yield* Effect.exit(way.office.carry(way))
      if (end._tag === "Success" && end.value === undefined) {
        outbox.rewind()
        continue
      }
      const failure = end._tag === "Success" ? end.value! : Cause.squash(end.cause)
      if (isGone(failure)) return way.leave()
      const problem = problemOf(failure)
      if (isUnreadable(failure)) outbox.refuseSent(problem)
      outbox.note(problem)
      outbox.rewind()
      if (isAway(failure)) yield* office.doubt(subscriber)
      // The first time at once: another member of the group is at hand.
      const pause = way.failures === 0 && office.hasOthers(subscriber) ? 0 : firstPause * 2 ** way.failures
      way.failures++
      yield* Effect.sleep((yield* Random.next) * Math.min(longestPause, pause))
      if (!office.isListed(subscriber)) return way.leave()
      if (office.hasOthers(subscriber)) return Way.elsewhere(way, outbox.clear(), failure)
    }
  })

const isGone = (failure: unknown): boolean =>
  !(failure instanceof TransportError)
  && ["Unimplemented", "Unavailable"].includes((failure as Failure).status)

const isAway = (failure: unknown): boolean =>
  failure instanceof TransportError
  && (failure.reason._tag === "NotConnected" || failure.reason._tag === "ConnectionLost")

const isUnreadable = (failure: unknown): boolean =>
  failure instanceof TransportError
    ? failure.reason._tag === "LimitExceeded"
    : (failure as Failure).status === "Malformed"

const decoder = new TextDecoder()

const problemOf = (failure: unknown): string =>
  failure instanceof Error
    ? failure.message
    : `${(failure as Failure).status}: ${decoder.decode((failure as Failure).body)}`
