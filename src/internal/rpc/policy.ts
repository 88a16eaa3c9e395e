/**
 * How a client tries again: what its options say, with the defaults.
 */
import * as Duration from "effect/Duration"
import type * as Budget from "./budget.ts"

/** How often a call is tried again, and what that may cost all together. */
export interface RetryOptions {
  /** How many attempts of a call may run a handler, or be refused for overload. Default 3. */
  readonly attempts?: number | undefined
  /** The longest that the first pause before another attempt may be; the next ones double it. Default 25 milliseconds. */
  readonly pause?: Duration.Input | undefined
  /** No pause is longer, unless the instance asked for a longer one. Default 250 milliseconds. */
  readonly longestPause?: Duration.Input | undefined
  /** What all calls to a service may cost it beyond one attempt each. */
  readonly budget?: {
    /** Attempts earned by each call. Default 0.1; `Infinity` bounds nothing. */
    readonly share?: number | undefined
    /** Attempts earned a second, besides; never more than 0.05 a call. Default 1. */
    readonly floor?: number | undefined
    /** What may be saved by who makes few calls, and what is there at first. Default 10. */
    readonly burst?: number | undefined
  } | undefined
  /**
   * Whether an attempt of an idempotent method is given up, and another instance asked, when it takes three times as long
   * as 99 of a hundred do. Default true.
   */
  readonly cut?: boolean | undefined
}

/** The same, complete; times in milliseconds. */
export interface Policy {
  readonly attempts: number
  readonly pause: number
  readonly longestPause: number
  readonly budget: Budget.Rules
  readonly cut: boolean
  readonly throttle: boolean
  readonly hedging: Budget.Rules
}

/** What is not said is the default. */
export const make = (options?: RetryOptions, throttle?: boolean): Policy => ({
  attempts: Math.max(1, options?.attempts ?? 3),
  pause: Duration.toMillis(options?.pause ?? 25),
  longestPause: Duration.toMillis(options?.longestPause ?? 250),
  budget: {
    share: Math.max(0, options?.budget?.share ?? 0.1),
    floor: Math.max(0, options?.budget?.floor ?? 1),
    burst: Math.max(0, options?.budget?.burst ?? 10)
  },
  cut: options?.cut ?? true,
  throttle: throttle ?? true,
  // Nothing is added for the time that passes: who calls seldom can wait.
  hedging: { share: 0.05, floor: 0, burst: 1 }
})
