/**
 * A service as a client sees it: what the calls of all its methods share.
 */
import * as Budget from "./budget.ts"
import type { Policy } from "./policy.ts"
import * as Throttle from "./throttle.ts"

export interface Target {
  /** What further attempts are paid from. */
  readonly retries: Budget.Budget
  /** What sending calls twice is paid from. */
  readonly hedges: Budget.Budget
  readonly throttle: Throttle.Throttle
}

/** Finds the target of a service, and makes it where it is the first time. Services are those of contracts: a bounded few. */
export const make = (policy: Policy): (service: string) => Target => {
  const targets = new Map<string, Target>()
  return (service) => {
    const known = targets.get(service)
    if (known !== undefined) return known
    const target: Target = {
      retries: Budget.make(policy.budget),
      hedges: Budget.make(policy.hedging),
      throttle: Throttle.make()
    }
    targets.set(service, target)
    return target
  }
}
