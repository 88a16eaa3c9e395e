/**
 * How long an attempt of a method that may run twice is waited for, where another one may follow.
 *
 * An instance that hangs would keep the call until its deadline. The time travels with the call, so that the instance
 * gives it up too; it costs no timer of its own.
 */
import { now } from "../wheel.ts"
import type * as Attempts from "./attempts.ts"
import * as Budget from "./budget.ts"
import type { Head, Line } from "./line.ts"

/** Gives an attempt less time than is left, if it is known how much it needs and there is another one to pay for. */
export const cut = ({ pace, road, target }: Line, head: Head, history: Attempts.History | undefined): Head => {
  const { policy } = road
  const { timeout } = head.call
  if (pace.p99 === undefined || timeout === undefined || !policy.cut) return head
  const enough = Math.max(least, times * pace.p99)
  const isLast = (history?.ran ?? 0) + 1 >= policy.attempts
  return enough < timeout && !isLast && Budget.has(target.retries)
    ? { ...head, cut: true, call: { ...head.call, timeout: enough } }
    : head
}

/**
 * Whether the time of an attempt is up. Timers count whole milliseconds from the last turn of the event loop, so each of
 * the two that may be involved is early by as much as one.
 */
export const isUp = ({ call, clock, since }: Head): boolean =>
  call.timeout !== undefined && now(clock) - since >= call.timeout - 2

// ---------------------------------------------------------------------------------------------------------------------

/** Nobody is given up sooner, in milliseconds: a pause of the garbage collector is no reason. */
const least = 50

/** So many times what 99 of a hundred calls take. */
const times = 3
