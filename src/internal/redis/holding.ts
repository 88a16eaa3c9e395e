/**
 * The entries that one member of a group has in hand: those that wait to be taken, and those that are worked on.
 *
 * Redis keeps what was handed out until it is acknowledged, and knows for how long nothing was heard of it. That is how an
 * entry is given back: its member says that nothing was heard for so long that another one may claim it.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Held } from "./entries.ts"
import { type Member, returned } from "./group.ts"
import type { Link } from "./link.ts"

type Taken = readonly [Held, ...Array<Held>]

export interface Holding {
  /** How many more may be held. */
  readonly room: () => number
  /** Runs once when there is room. */
  readonly whenRoom: Effect.Effect<void>
  /** Takes entries in; those that are in hand already stay as they are. */
  readonly enter: (entries: ReadonlyArray<Held>) => void
  readonly has: (place: string) => boolean
  /** Waits for an entry, and takes all that wait. */
  readonly take: Effect.Effect<Taken>
  /** It was handled. Told with all others of the same turn, and again while nobody has heard. */
  readonly ack: (held: Held) => void
  /** It may be claimed after so many milliseconds. */
  readonly giveBack: (held: Held, delayMillis: number) => Promise<unknown>
  /** Work on these goes on. */
  readonly keep: (held: ReadonlyArray<Held>) => Promise<unknown>
  readonly waiting: () => ReadonlyArray<Held>
  /** Tells again what nobody has heard. */
  readonly settle: () => void
  /** Gives back all that is in hand, to be claimed at once. */
  readonly end: () => Promise<unknown>
}

/** Up to so many entries in hand, of which others claim those of which nothing was heard for so long. */
export const make = (link: Link, options: {
  readonly member: Member
  readonly prefetch: number
  readonly claimAfterMillis: number
}): Holding => {
  const { claimAfterMillis, member: { consumer, group, key }, prefetch } = options
  const held = new Map<string, Held>()
  let waiting: Array<Held> = []
  let handled: Array<string> = []
  let taker: (() => void) | undefined
  let hopeful: (() => void) | undefined
  let isTelling = false

  const leave = (place: string) => {
    if (held.delete(place) && hopeful !== undefined && room() > 0) hopeful()
  }
  // Half of it at a time: one question for each event would cost more than the event.
  const room = () => prefetch - held.size >= Math.max(1, prefetch >> 1) ? prefetch - held.size : 0
  const claim = (places: ReadonlyArray<string>, idleMillis: number, by = consumer): Promise<unknown> =>
    places.length === 0
      ? Promise.resolve()
      : link.send(["XCLAIM", key, group, by, "0", ...places, "IDLE", String(idleMillis), "JUSTID"])
        .catch(() => undefined)
  const settle = () => {
    if (isTelling || handled.length === 0 || !link.isUp()) return
    isTelling = true
    const places = handled
    handled = []
    const told = () => {
      isTelling = false
      settle()
    }
    link.send(["XACK", key, group, ...places]).then(told, () => {
      handled = [...places, ...handled]
      isTelling = false
    })
  }
  return {
    room,
    whenRoom: Effect.callback((resume) => {
      if (room() > 0) return resume(Exit.void)
      hopeful = () => {
        hopeful = undefined
        resume(Exit.void)
      }
      return Effect.sync(() => void (hopeful = undefined))
    }),
    enter: (entries) => {
      for (const entry of entries) {
        if (held.has(entry.place)) continue
        held.set(entry.place, entry)
        waiting.push(entry)
      }
      if (waiting.length > 0) taker?.()
    },
    has: (place) => held.has(place),
    take: Effect.callback((resume) => {
      const wake = () => {
        taker = undefined
        const taken = waiting as unknown as Taken
        waiting = []
        resume(Exit.succeed(taken))
      }
      if (waiting.length > 0) return wake()
      taker = wake
      return Effect.sync(() => void (taker = undefined))
    }),
    ack: ({ place }) => {
      leave(place)
      if (handled.push(place) === 1) queueMicrotask(settle)
    },
    giveBack: ({ place }, delayMillis) => {
      leave(place)
      return claim([place], Math.max(0, claimAfterMillis - delayMillis))
    },
    keep: (entries) => claim(entries.map(({ place }) => place), 0),
    waiting: () => waiting,
    settle,
    end: () => {
      const places = [...held.keys()]
      held.clear()
      waiting = []
      settle()
      return claim(places, claimAfterMillis, returned)
    }
  }
}
