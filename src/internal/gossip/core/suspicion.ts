/**
 * How long a suspect may defend itself: the longer, the fewer others suspect it, too.
 *
 * One accuser may itself be what is slow. So the time begins long, and shrinks with each independent accuser.
 */
import type { Timer, Timers } from "./timers.ts"

export interface Suspicion {
  /** An accusation by somebody else. False where it changes nothing. */
  readonly confirm: (from: string) => boolean
  readonly end: () => void
}

/** How the time shrinks. */
export interface Terms {
  /** Milliseconds, with all confirmations and with none. */
  readonly least: number
  readonly most: number
  /** How many confirmations are asked for. */
  readonly wanted: number
}

export const make = (timers: Timers, terms: Terms, accuser: string, condemn: () => void): Suspicion => {
  const start = timers.now()
  const accusers = new Set([accuser])
  let timer: Timer = timers.after(total(terms, 0), condemn)
  return {
    confirm: (from) => {
      // The first accuser does not confirm itself.
      if (accusers.size > terms.wanted || accusers.has(from)) return false
      accusers.add(from)
      timers.cancel(timer)
      const left = total(terms, accusers.size - 1) - (timers.now() - start)
      timer = timers.after(Math.max(0, left), condemn)
      return true
    },
    end: () => timers.cancel(timer)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const total = ({ least, most, wanted }: Terms, confirmations: number): number => {
  if (wanted < 1) return least
  const share = Math.log(confirmations + 1) / Math.log(wanted + 1)
  return Math.max(least, Math.floor(most - share * (most - least)))
}
