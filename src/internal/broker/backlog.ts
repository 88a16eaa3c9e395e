/**
 * Events that wait for a subscription or a group: what is published waits for room, what is given back does not.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import type { Message } from "../../Message.ts"

/** An event that waits, and how often it was handed over before. */
export interface Entry {
  readonly message: Message
  readonly handed: number
}

/** Entries that were taken. */
export type Taken = readonly [Entry, ...Array<Entry>]

export interface Backlog {
  /** Puts events in, in this order; waits where there is no room, and drops what comes after the end. */
  readonly offer: (messages: ReadonlyArray<Message>) => Effect.Effect<void>
  /** Puts events back, behind those that wait: beyond the bound, as each held a place before. */
  readonly giveBack: (entries: Iterable<Entry>) => Effect.Effect<void>
  /**
   * Waits for an event; takes as many as wait, up to so many. `hold` is told of them in the same step, so that none is
   * lost with a fiber that is interrupted before it has them.
   */
  readonly take: (most: number, hold: (entries: Taken) => void) => Effect.Effect<Taken>
  /** Lets go of who waits for room, and drops what waits. */
  readonly end: Effect.Effect<void>
}

/** A backlog with room for so many events. */
export const make = (capacity: number): Backlog => {
  const room = Semaphore.makeUnsafe(capacity)
  const takers = new Set<() => void>()
  let waiting: Array<Entry> = []
  let isOver = false

  const enter = (entries: Iterable<Entry>) => {
    if (isOver) return
    for (const entry of entries) waiting.push(entry)
    for (const taker of takers) {
      if (waiting.length === 0) return
      takers.delete(taker)
      taker()
    }
  }
  const offer = (messages: ReadonlyArray<Message>): Effect.Effect<void> => {
    const fitting = messages.length <= capacity ? messages : messages.slice(0, capacity)
    const entered = Effect.andThen(
      room.take(fitting.length),
      Effect.sync(() => enter(fitting.map((message) => ({ message, handed: 0 }))))
    )
    return fitting === messages
      ? entered
      : Effect.andThen(entered, Effect.suspend(() => offer(messages.slice(capacity))))
  }
  const take: Backlog["take"] = (most, hold) =>
    Effect.tap(
      Effect.callback<Taken>((resume) => {
        const taker = () => {
          const taken = waiting.splice(0, most) as unknown as Taken
          hold(taken)
          resume(Exit.succeed(taken))
        }
        if (waiting.length > 0) return taker()
        takers.add(taker)
        return Effect.sync(() => void takers.delete(taker))
      }),
      (taken) => room.release(taken.filter(({ handed }) => handed === 0).length)
    )
  return {
    offer,
    giveBack: (entries) => Effect.sync(() => enter(entries)),
    take,
    end: Effect.suspend(() => {
      isOver = true
      waiting = []
      return room.resize(Number.MAX_SAFE_INTEGER)
    })
  }
}
