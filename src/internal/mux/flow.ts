/**
 * What the streams of a connection may have on the way together, beside what each of them may have.
 *
 * The receiver gives credit back for what its consumers have taken. Streams that nobody reads can use it up; so while any
 * consumer waits with empty hands, the receiver lends more, which the others cannot use beyond their own credit.
 */
import { connectionWindow, messageCost, partSize, window } from "./frames.ts"

/** What a message of a stream costs the connection: nothing where it goes in parts, which are bounded by themselves. */
export const cost = (size: number): number => size > partSize ? 0 : size + messageCost

export interface Outflow {
  readonly isOpen: () => boolean
  readonly spend: (bytes: number) => void
  /** The other side takes so many more bytes. Those who wait have their turn. */
  readonly grant: (bytes: number) => void
  readonly wait: (step: () => void) => void
  readonly leave: (step: () => void) => void
}

/** The end that sends. */
export const outflow = (): Outflow => {
  const waiting = new Set<() => void>()
  let available = connectionWindow
  return {
    isOpen: () => available > 0,
    spend: (bytes) => {
      available -= bytes
    },
    grant: (bytes) => {
      available += bytes
      for (const step of waiting) {
        if (available <= 0) return
        waiting.delete(step)
        step()
      }
    },
    wait: (step) => {
      waiting.add(step)
    },
    leave: (step) => {
      waiting.delete(step)
    }
  }
}

export interface Inflow {
  /** A message has come. False where there was no credit for it. */
  readonly take: (bytes: number) => boolean
  /** So much of what has come is not held any more. */
  readonly give: (bytes: number) => void
  /** One more consumer waits with empty hands, or one less. */
  readonly wait: (consumers: 1 | -1) => void
  /** All that one read has brought has been told of. */
  readonly settle: () => void
}

/** The end that receives. `grant` tells the other one of more credit. */
export const inflow = (grant: (bytes: number) => void): Inflow => {
  let allowance = connectionWindow
  let owed = 0
  let lent = 0
  let consumers = 0
  const allow = (bytes: number) => {
    allowance += bytes
    grant(bytes)
  }
  const settle = () => {
    if (allowance > 0 || consumers === 0) return
    lent += window
    allow(window)
  }
  return {
    take: (bytes) => {
      if (allowance <= 0 && bytes > 0) return false
      allowance -= bytes
      return true
    },
    give: (bytes) => {
      const paid = Math.min(lent, bytes)
      lent -= paid
      owed += bytes - paid
      if (owed < connectionWindow / 2) return
      const due = owed
      owed = 0
      allow(due)
    },
    wait: (more) => {
      consumers += more
      if (more > 0) settle()
    },
    settle
  }
}
