/**
 * Counts answers, and how long each took, while it is open.
 */

/** What a closed loop reports to. */
export interface Meter {
  /** Tells of an answer to a call made at `since`; returns the time now, at which the next call is made. */
  readonly answered: (since: number) => number
  /** Tells of so many messages of a stream. */
  readonly received: (messages: number) => void
  /** Whether the loops shall end. */
  readonly stopped: () => boolean
}

/** What was measured between opening and closing. */
export interface Reading {
  readonly count: number
  readonly seconds: number
  /** Microseconds; undefined where no answers were timed. */
  readonly p50: number | undefined
  readonly p99: number | undefined
}

/** Allocated before the first call; beyond so many, the oldest samples are overwritten. */
const capacity = 1 << 21

/** A meter, and the means to open and close it. */
export const make = (): { readonly meter: Meter; readonly open: () => void; readonly close: () => Reading } => {
  const samples = new Float64Array(capacity)
  let timed = 0
  let count = 0
  let isOpen = false
  let isStopped = false
  let opened = 0
  return {
    meter: {
      answered: (since) => {
        const now = performance.now()
        if (isOpen) {
          samples[timed++ & (capacity - 1)] = now - since
          count++
        }
        return now
      },
      received: (messages) => {
        if (isOpen) count += messages
      },
      stopped: () => isStopped
    },
    open: () => {
      isOpen = true
      opened = performance.now()
    },
    close: () => {
      const seconds = (performance.now() - opened) / 1000
      isOpen = false
      isStopped = true
      const sorted = samples.slice(0, timed).toSorted()
      const at = (quantile: number) =>
        sorted.length === 0 ? undefined : sorted[Math.floor(sorted.length * quantile)] * 1000
      return { count, seconds, p50: at(0.5), p99: at(0.99) }
    }
  }
}
