/**
 * How long an attempt of a method that may run twice is waited for, where another one may follow.
 *
 * An instance that hangs would keep the call until its deadline. The time travels with the call, so that the instance
 * gives it up too; it costs no timer of its own.
 */
import type * as Clock from "effect/Clock"
import type { Call } from "../../Transport.ts"
import { now } from "../wheel.ts"
import * as Budget from "./budget.ts"
import type { Method } from "./methods.ts"
import type { Pace } from "./pace.ts"
import type { Policy } from "./policy.ts"

/** What is called, as far as it matters here. */
export interface Callee {
  readonly method: Method
  readonly pace: Pace
  readonly road: { readonly policy: Policy }
  readonly target: { readonly retries: Budget.Budget }
}

/** An attempt, as far as it matters here. */
export interface Attempt {
  readonly call: Call
  readonly clock: Clock.Clock
  readonly since: number
}

/**
 * The time for an attempt that has so much left, if it is known that it needs less and there is another one to pay for;
 * after so many that may have run.
 */
export const enough = (
  { method, pace, road: { policy }, target }: Callee,
  left: number | undefined,
  ran: number
): number | undefined => {
  if (!method.idempotent || pace.p99 === undefined || left === undefined || !policy.cut) return undefined
  const enough = Math.max(least, times * pace.p99)
  return enough < left && ran + 1 < policy.attempts && Budget.has(target.retries) ? enough : undefined
}

/**
 * Whether the time of an attempt is up. Timers count whole milliseconds from the last turn of the event loop, so each of
 * the two that may be involved is early by as much as one.
 */
export const isUp = ({ call, clock, since }: Attempt): boolean =>
  call.timeout !== undefined && now(clock) - since >= call.timeout - 2

// ---------------------------------------------------------------------------------------------------------------------

/** Nobody is given up sooner, in milliseconds: a pause of the garbage collector is no reason. */
const least = 50

/** So many times what 99 of a hundred calls take. */
const times = 3
