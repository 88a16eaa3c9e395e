/**
 * Calls refused here while most of them are refused there: an instance that has too much to do should not spend its time
 * on saying so.
 *
 * What gets through is about twice what is accepted, so that a service which recovers is noticed. A call under way counts
 * as accepted until it is refused: a client that begins with a thousand calls at once throttles none.
 */
import * as Recent from "./recent.ts"

export interface Throttle {
  readonly asked: Recent.Recent
  /** Of them, those that were refused, there or here. */
  readonly refused: Recent.Recent
}

/** Nothing was refused yet. */
export const make = (): Throttle => ({ asked: Recent.make(), refused: Recent.make() })

/** An attempt is made. */
export const ask = (throttle: Throttle, now: number): void => Recent.add(throttle.asked, 1, now)

/** An attempt was refused for overload. */
export const refuse = (throttle: Throttle, now: number): void => Recent.add(throttle.refused, 1, now)

/** Which part of calls is to be refused here. */
export const share = (throttle: Throttle, now: number): number => {
  // The sum is at most too large, of seconds that are over.
  if (throttle.refused.sum === 0) return 0
  const asked = Recent.sum(throttle.asked, now)
  if (asked < enough) return 0
  const accepted = asked - Recent.sum(throttle.refused, now)
  return Math.min(most, Math.max(0, (asked - times * accepted) / (asked + 1)))
}

// ---------------------------------------------------------------------------------------------------------------------

/** So many times what is accepted gets through. */
const times = 2

/** Never more of the calls are refused here: who asks nobody does not learn that there is room again. */
const most = 0.9

/** Fewer attempts in ten seconds burden nobody, and a few that were refused say little. */
const enough = 20
