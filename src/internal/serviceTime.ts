/**
 * What handlers took lately, on average. Each counts for less the longer ago it ended; after 400 ms for little more than a third.
 */
export interface ServiceTime {
  sum: number
  /** Handlers, each by what it still counts for. */
  count: number
  at: number
}

export const make = (): ServiceTime => ({ sum: 0, count: 0, at: 0 })

/** A handler took so many milliseconds, and ends now. */
export const note = (self: ServiceTime, took: number, now: number): void => {
  const rest = Math.exp(Math.min(0, self.at - now) / memory)
  self.sum = self.sum * rest + took
  self.count = self.count * rest + 1
  self.at = now
}

/** In milliseconds; 0 where none has ended. It needs no clock: all that it knows fades alike. */
export const mean = ({ count, sum }: ServiceTime): number => count === 0 ? 0 : sum / count

// ---------------------------------------------------------------------------------------------------------------------

const memory = 400
