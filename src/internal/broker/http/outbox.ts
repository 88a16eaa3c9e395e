/**
 * Events for one subscriber: those that wait to be sent and those that were sent and not settled, within a bound.
 */
import type { Verdict } from "./frames.ts"
import type { Item } from "./parcel.ts"

/** What becomes of events for which there is no room. */
export type WhenFull = "wait" | "drop-oldest" | "fail"

/** The bounds of an outbox. */
export interface Bounds {
  /** Events that wait or are not settled. */
  readonly capacity: number
  /** Bytes of their bodies. */
  readonly maxBytes: number
  readonly whenFull: WhenFull
}

export interface Outbox {
  readonly offer: (items: ReadonlyArray<Item>) => void
  /** Takes back what was sent and returned: beyond the bound, as it held a place before. */
  readonly offerAgain: (item: Item) => void
  readonly isEmpty: () => boolean
  readonly hasWaiting: () => boolean
  /** Takes what the next frame is to carry: as many as wait, up to a bound. They count as sent. */
  readonly next: () => ReadonlyArray<Item>
  /** Settles what was sent: accepted events are done, the others are returned. Undefined where it was never sent. */
  readonly settle: (verdict: Verdict) => ReadonlyArray<Item> | undefined
  /** Refuses what was sent and cannot be read by the subscriber: the large events, or all where there is none. */
  readonly refuseSent: (problem: string) => void
  /** Tells all who wait why it takes so long. */
  readonly note: (problem: string) => void
  /** What was sent waits again, ahead of all others. */
  readonly rewind: () => void
  /** Takes everything out. */
  readonly clear: () => ReadonlyArray<Item>
  /** Forgets events that nobody waits for any more. */
  readonly sweep: () => void
}

/** Events of one frame, and the bytes after which no more are taken. */
const frameEvents = 512
const frameBytes = 64 * 1024

/** Publishings that wait for room in one outbox. */
const longestLine = 1024

export const make = (subscriber: string, { capacity, maxBytes, whenFull }: Bounds): Outbox => {
  let line: Array<ReadonlyArray<Item>> = []
  let waiting: Array<Item> = []
  let head = 0
  let sent: Array<Item | undefined> = []
  let firstSent = 0
  let settled = 0
  let held = 0
  let bytes = 0

  const free = (item: Item) => {
    held--
    bytes -= item.message.body.length
  }
  // One that is larger than all the room there is passes alone.
  const fits = (items: ReadonlyArray<Item>): boolean =>
    held === 0 || (held + items.length <= capacity && bytes + sizeOf(items) <= maxBytes)
  const enter = (items: ReadonlyArray<Item>) => {
    for (const item of items) waiting.push(item)
    held += items.length
    bytes += sizeOf(items)
  }
  const admit = () => {
    while (line.length > 0 && fits(line[0])) enter(line.shift()!)
  }
  const dropFor = (items: ReadonlyArray<Item>) => {
    while (!fits(items) && head < waiting.length) {
      const oldest = waiting[head++]
      free(oldest)
      oldest.parcel.refuse(oldest, subscriber, "it was dropped for newer events")
    }
    if (fits(items)) enter(items)
    else for (const item of items) item.parcel.refuse(item, subscriber, full())
  }
  const full = () => `${held} events wait already, with ${bytes} bytes`
  const compact = () => {
    if (head < 1024 || head < waiting.length / 2) return
    waiting = waiting.slice(head)
    head = 0
  }
  return {
    offer: (items) => {
      if (line.length === 0 && fits(items)) enter(items)
      else if (whenFull === "drop-oldest") dropFor(items)
      else if (whenFull === "wait" && line.length < longestLine) line.push(items)
      else for (const item of items) item.parcel.refuse(item, subscriber, full())
    },
    offerAgain: (item) => enter([item]),
    isEmpty: () => held === 0,
    hasWaiting: () => head < waiting.length,
    next: () => {
      const taken: Array<Item> = []
      for (let size = 0; head < waiting.length && taken.length < frameEvents && size < frameBytes;) {
        const item = waiting[head]
        // A large event travels alone: where it is too large for the other side, it takes no other one with it.
        if (taken.length > 0 && item.message.body.length >= frameBytes) break
        head++
        if (item.parcel.isOver()) {
          free(item)
          continue
        }
        size += item.message.body.length
        taken.push(item)
        sent.push(item)
      }
      compact()
      admit()
      return taken
    },
    settle: ({ count, from, pause }) => {
      const start = from - firstSent
      if (start < 0 || start + count > sent.length) return undefined
      const returned: Array<Item> = []
      for (let at = start; at < start + count; at++) {
        const item = sent[at]
        if (item === undefined) return undefined
        sent[at] = undefined
        free(item)
        if (pause === undefined) item.parcel.accept(item)
        else returned.push(item)
      }
      while (settled < sent.length && sent[settled] === undefined) settled++
      // Moving the rest costs as much as it is long, so it waits until that is worth it.
      if (settled === sent.length || settled > 4096) {
        sent = sent.slice(settled)
        firstSent += settled
        settled = 0
      }
      admit()
      return returned
    },
    refuseSent: (problem) => {
      const open = sent.filter((item) => item !== undefined)
      const large = open.filter(({ message }) => message.body.length >= frameBytes)
      for (const item of large.length > 0 ? large : open) {
        sent[sent.indexOf(item)] = undefined
        free(item)
        item.parcel.refuse(item, subscriber, problem)
      }
    },
    note: (problem) => {
      for (const { parcel } of sent.filter((item) => item !== undefined)) parcel.note(subscriber, problem)
      for (let at = head; at < waiting.length; at++) waiting[at].parcel.note(subscriber, problem)
      for (const { parcel } of line.flat()) parcel.note(subscriber, problem)
    },
    rewind: () => {
      const again = sent.filter((item) => item !== undefined)
      for (const item of again) item.handed++
      waiting = [...again, ...waiting.slice(head)]
      head = 0
      sent = []
      firstSent = settled = 0
    },
    clear: () => {
      const all = [...sent.filter((item) => item !== undefined), ...waiting.slice(head), ...line.flat()]
      sent = []
      waiting = []
      line = []
      head =
        firstSent =
        settled =
        held =
        bytes =
          0
      return all
    },
    sweep: () => {
      const over = waiting.slice(head).filter(({ parcel }) => parcel.isOver())
      for (const item of over) free(item)
      waiting = waiting.slice(head).filter(({ parcel }) => !parcel.isOver())
      head = 0
      line = line.filter((items) => items.some(({ parcel }) => !parcel.isOver()))
      admit()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const sizeOf = (items: ReadonlyArray<Item>): number =>
  items.reduce((size, { message }) => size + message.body.length, 0)
