/**
 * What more than one attempt a call may cost whom it goes to: one account for a service, which calls pay into and further
 * attempts are paid from. When all calls fail, attempts are a tenth more than calls, and not thrice as many.
 */
import * as Recent from "./recent.ts"

/** What is paid in, in attempts. */
export interface Rules {
  /** By each call. */
  readonly share: number
  /** A second, besides: callers of few calls may retry too. */
  readonly floor: number
  /** What may be saved, however few calls there are, and what an account begins with. */
  readonly burst: number
}

export interface Budget {
  readonly rules: Rules
  /** What was paid in during the last ten seconds: nobody saves for longer. */
  readonly income: Recent.Recent
  /** What is left. It is in debt where a promised attempt found nothing. */
  left: number
  paidAt: number
}

/** A new account. */
export const make = (rules: Rules): Budget => ({
  rules,
  income: Recent.make(),
  left: rules.burst,
  paidAt: 0
})

/** Takes in one call. */
export const pay = (budget: Budget, now: number): void => {
  const { burst, floor, share } = budget.rules
  const amount = share + Math.min(most, floor * (now - budget.paidAt) / 1000)
  budget.paidAt = now
  Recent.add(budget.income, amount, now)
  budget.left = Math.min(budget.left + amount, Math.max(burst, budget.income.sum))
}

/** Whether there is an attempt's worth left. */
export const has = (budget: Budget): boolean => budget.left >= 1

/** Spends an attempt, if there is one left. */
export const spend = (budget: Budget): boolean => {
  if (!has(budget)) return false
  budget.left--
  return true
}

/** Spends an attempt that was promised while there was one left. */
export const owe = (budget: Budget): void => {
  budget.left--
}

// ---------------------------------------------------------------------------------------------------------------------

/**
 * The floor is no more than so much of an attempt for each call: a thousand callers of a call a second each would
 * otherwise double the load of a service that fails. It begins to bind below 20 calls a second.
 */
const most = 0.05
