/**
 * Events of one subscription of core NATS that nobody has taken yet. The server pushes, and cannot be told to wait: at the
 * bound a subscription stops listening, and the newest are dropped.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Entry } from "./entry.ts"

type Taken = readonly [Entry, ...Array<Entry>]

export interface Inbox {
  /** Whether what comes now is to be dropped. Asked before it is read, which costs more than all the rest. */
  readonly isFull: () => boolean
  /** Whether half of the room is free. */
  readonly hasRoom: () => boolean
  /** Puts an event in, or back: what was taken held a place before. */
  readonly enter: (entry: Entry) => void
  /**
   * Waits for an event, and takes all that wait, up to so many. `hold` is told of them in the same step, so that none is
   * lost with a fiber that is interrupted before it has them.
   */
  readonly take: (most: number, hold: (entries: Taken) => void) => Effect.Effect<Taken>
  /** Takes what is left. */
  readonly clear: () => ReadonlyArray<Entry>
}

/** An inbox of so many events and so many bytes. */
export const make = (capacity: number, maxBytes: number): Inbox => {
  let waiting: Array<Entry> = []
  let bytes = 0
  let taker: (() => void) | undefined
  const enter = (entry: Entry) => {
    waiting.push(entry)
    bytes += entry.message.body.length
    if (taker === undefined) return
    // After all that one read of the socket has brought.
    queueMicrotask(taker)
    taker = undefined
  }
  const takeUpTo = (most: number): Taken => {
    const taken = waiting.length <= most ? waiting : waiting.splice(0, most)
    if (taken === waiting) waiting = []
    for (const { message } of taken) bytes -= message.body.length
    return taken as unknown as Taken
  }
  return {
    isFull: () => waiting.length >= capacity || bytes >= maxBytes,
    hasRoom: () => waiting.length <= capacity / 2 && bytes <= maxBytes / 2,
    enter,
    take: (most, hold) =>
      Effect.callback((resume) => {
        let isGone = false
        const wake = () => {
          if (isGone) return
          if (waiting.length === 0) {
            taker = wake
            return
          }
          const taken = takeUpTo(most)
          hold(taken)
          resume(Exit.succeed(taken))
        }
        wake()
        return Effect.sync(() => {
          isGone = true
          if (taker === wake) taker = undefined
        })
      }),
    clear: () => takeUpTo(Number.POSITIVE_INFINITY)
  }
}
