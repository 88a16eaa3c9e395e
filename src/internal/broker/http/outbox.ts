/**
 * Events for one subscriber: those that wait to be sent and those that were sent and not settled, within a bound.
 */
import * as Bundle from "./bundle.ts"
import type { Verdict } from "./frames.ts"
import * as Sent from "./sent.ts"
import * as Sheet from "./sheet.ts"

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
  readonly offer: (bundles: ReadonlyArray<Bundle.Bundle>) => void
  /** Takes back what was sent and returned: beyond the bound, as it held a place before. */
  readonly offerAgain: (bundles: ReadonlyArray<Bundle.Bundle>) => void
  readonly isEmpty: () => boolean
  readonly hasWaiting: () => boolean
  /** Takes what the next frame is to carry: as many as wait, up to a bound. They count as sent. */
  readonly next: () => ReadonlyArray<Bundle.Bundle>
  /** Settles what was sent: accepted events are done, the others are returned. Undefined where it was never sent. */
  readonly settle: (verdict: Verdict) => ReadonlyArray<Bundle.Bundle> | undefined
  /** Refuses what was sent and cannot be read by the subscriber: the large events, or all where there is none. */
  readonly refuseSent: (problem: string) => void
  /** Tells all who wait why it takes so long. */
  readonly note: (problem: string) => void
  /** What was sent waits again, ahead of all others. */
  readonly rewind: () => void
  /** Takes everything out. */
  readonly clear: () => ReadonlyArray<Bundle.Bundle>
  /** Forgets events that nobody waits for any more. */
  readonly sweep: () => void
}

/** Publishings that wait for room in one outbox. */
const longestLine = 1024

export const make = (subscriber: string, { capacity, maxBytes, whenFull }: Bounds): Outbox => {
  const sent = Sent.make()
  let line: Array<ReadonlyArray<Bundle.Bundle>> = []
  let waiting: Array<Bundle.Bundle> = []
  let head = 0
  let held = 0
  let bytes = 0

  const free = (bundle: Bundle.Bundle) => {
    held -= bundle.messages.length
    bytes -= bundle.bytes
    bundle.lease?.settled(bundle.messages.length)
  }
  // One that is larger than all the room there is passes alone.
  const fits = (bundles: ReadonlyArray<Bundle.Bundle>): boolean => {
    const size = Bundle.sizeOf(bundles)
    return held === 0 || (held + size.events <= capacity && bytes + size.bytes <= maxBytes)
  }
  const enter = (bundles: ReadonlyArray<Bundle.Bundle>) => {
    for (const bundle of bundles) {
      waiting.push(bundle)
      held += bundle.messages.length
      bytes += bundle.bytes
    }
  }
  const admit = () => {
    while (line.length > 0 && fits(line[0])) enter(line.shift()!)
  }
  const refuse = (bundle: Bundle.Bundle, problem: string) => bundle.parcel.refuse(bundle, subscriber, problem)
  const refuseNew = (bundles: ReadonlyArray<Bundle.Bundle>) => {
    for (const bundle of bundles) {
      bundle.lease?.settled(bundle.messages.length)
      refuse(bundle, `${held} events wait already, with ${bytes} bytes`)
    }
  }
  const dropFor = (bundles: ReadonlyArray<Bundle.Bundle>) => {
    const { events } = Bundle.sizeOf(bundles)
    while (!fits(bundles) && head < waiting.length) {
      const bundle = waiting[head]
      const { length } = bundle.messages
      // One by one where it is bytes that are wanting.
      const count = Math.min(length, Math.max(1, held + events - capacity))
      if (count === length) head++
      else waiting[head] = Bundle.part(bundle, count, length)
      const oldest = Bundle.part(bundle, 0, count)
      free(oldest)
      refuse(oldest, "it was dropped for newer events")
    }
    if (fits(bundles)) enter(bundles)
    else refuseNew(bundles)
  }
  const compact = () => {
    if (head < waiting.length / 2) return
    waiting = waiting.slice(head)
    head = 0
  }
  return {
    offer: (bundles) => {
      if (line.length === 0 && fits(bundles)) enter(bundles)
      else if (whenFull === "drop-oldest") dropFor(bundles)
      else if (whenFull === "wait" && line.length < longestLine) line.push(bundles)
      else refuseNew(bundles)
    },
    offerAgain: enter,
    isEmpty: () => held === 0,
    hasWaiting: () => head < waiting.length,
    next: () => {
      const taken: Array<Bundle.Bundle> = []
      let [events, size] = [0, 0]
      while (head < waiting.length) {
        const bundle = waiting[head]
        events += bundle.messages.length
        size += bundle.bytes
        // A large event travels alone: where it is too large for the other side, it takes no other one with it.
        if (taken.length > 0 && (events > Sheet.mostEvents || size >= Sheet.mostBytes)) break
        head++
        if (bundle.parcel.isOver()) {
          free(bundle)
          continue
        }
        taken.push(bundle)
        sent.enter(bundle)
      }
      compact()
      admit()
      return taken
    },
    settle: ({ count, from, pause }) => {
      const settled = sent.take(from, count)
      if (settled === undefined) return undefined
      for (const bundle of settled) {
        free(bundle)
        if (pause === undefined) bundle.parcel.accept(bundle)
      }
      admit()
      return pause === undefined ? [] : settled
    },
    refuseSent: (problem) => {
      const isLarge = ({ bytes }: Bundle.Bundle) => bytes >= Sheet.mostBytes
      const isAny = sent.all().some(isLarge)
      for (const bundle of sent.remove((bundle) => !isAny || isLarge(bundle))) {
        free(bundle)
        refuse(bundle, problem)
      }
    },
    note: (problem) => {
      for (const { parcel } of [...sent.all(), ...waiting.slice(head), ...line.flat()]) parcel.note(subscriber, problem)
    },
    rewind: () => {
      waiting = [...sent.clear().map(Bundle.again), ...waiting.slice(head)]
      head = 0
    },
    clear: () => {
      const all = [...sent.clear(), ...waiting.slice(head), ...line.flat()]
      waiting = []
      line = []
      head =
        held =
        bytes =
          0
      return all
    },
    sweep: () => {
      const isOver = ({ parcel }: Bundle.Bundle) => parcel.isOver()
      const rest = waiting.slice(head)
      for (const bundle of rest.filter(isOver)) free(bundle)
      waiting = rest.filter((bundle) => !isOver(bundle))
      head = 0
      for (const { lease, messages } of line.flat().filter(isOver)) lease?.settled(messages.length)
      line = line.filter((bundles) => !bundles.every(isOver))
      admit()
    }
  }
}
