/**
 * The way from a publisher to one subscriber: an outbox, and a stream that carries it.
 *
 * One stream at a time, so events keep their order; it opens with the first event and ends after a while without any.
 * Where it breaks, what was not settled goes again, ahead of what waits, for as long as the subscriber is known.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type { Instance } from "../../../Registry.ts"
import { type Call, type Connection, type Failure, failure, isFailure, TransportError } from "../../../Transport.ts"
import * as Frames from "./frames.ts"
import * as Outbox from "./outbox.ts"
import type { Item } from "./parcel.ts"

/** What the publisher's side gives each post. */
export interface Office {
  readonly connect: (address: string) => Effect.Effect<Connection, TransportError>
  /** Whether the subscriber is known still. */
  readonly isListed: (subscriber: Instance) => boolean
  readonly doubt: (subscriber: Instance) => Effect.Effect<void>
  readonly bounds: Outbox.Bounds
  /** Starts a fiber that ends with the broker. */
  readonly fork: (effect: Effect.Effect<void>) => void
  /** Whether another member of the subscriber's group could have its events. */
  readonly hasOthers: (subscriber: Instance) => boolean
  /** Gives events to another member. */
  readonly move: (items: ReadonlyArray<Item>, subscriber: Instance) => void
}

export interface Post {
  /** Whether the subscriber could not be reached lately. */
  readonly isFailing: () => boolean
  readonly offer: (items: ReadonlyArray<Item>) => void
  readonly sweep: () => void
}

/** The post to a subscriber; `ended` is told when the subscriber has left for good. */
export const make = (subscriber: Instance, office: Office, ended: () => void): Post => {
  const outbox = Outbox.make(subscriber.id, office.bounds)
  const way: Way = {
    subscriber,
    office,
    outbox,
    again: (items) => {
      for (const item of items) outbox.offerAgain(item)
      kick()
    },
    leave: () => {
      way.isOver = true
      ended()
      elsewhere(way, outbox.clear())
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
    isFailing: () => way.failures > 0,
    offer: (items) => {
      if (way.isOver) return elsewhere(way, items)
      outbox.offer(items)
      kick()
    },
    sweep: () => {
      outbox.sweep()
      kick()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Way {
  readonly subscriber: Instance
  readonly office: Office
  readonly outbox: Outbox.Outbox
  /** Takes back what the subscriber has given back. */
  readonly again: (items: ReadonlyArray<Item>) => void
  /** The subscriber has left: its events find another member of its group, or nobody misses them. */
  readonly leave: () => void
  isOver: boolean
  /** Streams in a row that settled nothing. */
  failures: number
  /** Resumes the stream that waits for an event. */
  wake: (() => void) | undefined
}

/** How long a stream stays open without an event. */
const idle = "10 seconds"

/** The pause before the next stream: full jitter up to this, doubled with each failure, in milliseconds. */
const firstPause = 50
const longestPause = 5000

/** What was given back comes no sooner, in milliseconds: a subscriber that gives all back must not spin. */
const leastPause = 10

const elsewhere = ({ office, subscriber }: Way, items: ReadonlyArray<Item>, problem?: unknown): void => {
  if (items.length === 0) return
  for (const { lease } of items) {
    if (problem === undefined) lease?.settled()
    else lease?.failed(problem)
  }
  if (office.hasOthers(subscriber)) return office.move(items, subscriber)
  for (const item of items) item.parcel.forget(item)
}

/** One stream after the other, while there is anything to carry and somebody to carry it to. */
const run = (way: Way): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { office, outbox, subscriber } = way
    while (!outbox.isEmpty()) {
      const end = yield* Effect.exit(carry(way))
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
      if (office.hasOthers(subscriber)) return elsewhere(way, outbox.clear(), failure)
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

/** One stream, from the first event to its end; how the other side ended it, if not for want of events. */
const carry = (way: Way): Effect.Effect<Failure | undefined, TransportError> => {
  const { address, id, service } = way.subscriber
  const call: Call = { service, method: id, contentType, headers: {} }
  return Effect.flatMap(way.office.connect(address), (connection) => {
    const replies = connection.stream(call, Stream.fromPull(Effect.succeed(frames(way))))
    const ends = Stream.map(replies, (reply) => isFailure(reply) ? reply : settle(way, reply))
    const last = Stream.runLast(Stream.takeUntil(ends, (end) => end !== undefined))
    return Effect.map(last, Option.getOrUndefined)
  })
}

/** Not to be mistaken for a single event, whatever that is written in. */
export const contentType = "application/vnd.effect-micro.events"

/** What waits, in frames; what came within a turn of the event loop shares one. */
const frames = (way: Way): Pull.Pull<readonly [Uint8Array]> => {
  const { outbox } = way
  const arrived = Effect.callback<void>((resume) => {
    if (outbox.hasWaiting()) return resume(Effect.void)
    way.wake = () => {
      way.wake = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => {
      way.wake = undefined
    })
  })
  const next: Pull.Pull<readonly [Uint8Array]> = Effect.suspend(() => {
    const items = outbox.next()
    return items.length === 0 ? pull : Exit.succeed([Frames.writeEvents(items)] as const)
  })
  const gathered = Effect.andThen(Effect.yieldNow, next)
  const pull: Pull.Pull<readonly [Uint8Array]> = Effect.suspend(() =>
    outbox.hasWaiting()
      ? gathered
      : Effect.flatMap(
        Effect.timeoutOption(arrived, idle),
        (some): Pull.Pull<readonly [Uint8Array]> =>
          some._tag === "Some" ? gathered : outbox.isEmpty() ? Cause.done() : pull
      )
  )
  return pull
}

/** Does what the subscriber has decided; a failure where that makes no sense. */
const settle = (way: Way, bytes: Uint8Array): Failure | undefined => {
  const verdicts = Frames.readVerdicts(bytes)
  if (verdicts === undefined) return breach
  for (const verdict of verdicts) {
    const returned = way.outbox.settle(verdict)
    if (returned === undefined) return breach
    way.failures = 0
    if (returned.length > 0) comeBack(way, returned, Math.max(leastPause, verdict.pause ?? 0))
  }
  // What is settled makes room for what waited in line.
  if (way.outbox.hasWaiting()) way.wake?.()
  return undefined
}

const breach = failure("Defect", "it settled what it was not sent")

const comeBack = (way: Way, items: ReadonlyArray<Item>, pause: number): void => {
  const { office, subscriber } = way
  for (const item of items) {
    item.handed++
    item.parcel.note(subscriber.id, "it was given back")
  }
  office.fork(Effect.delay(
    Effect.sync(() => {
      if (way.isOver || office.hasOthers(subscriber)) return elsewhere(way, items)
      way.again(items)
    }),
    pause
  ))
}
