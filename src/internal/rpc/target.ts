/**
 * A service as a client sees it: what the calls of all its methods share.
 */
import type * as Context from "effect/Context"
import * as Budget from "./budget.ts"
import * as Meter from "./meter.ts"
import type { Policy } from "./policy.ts"
import * as Throttle from "./throttle.ts"

export interface Target extends Meter.Counting {
  /** What further attempts are paid from. */
  readonly retries: Budget.Budget
  /** What sending calls twice is paid from. */
  readonly hedges: Budget.Budget
  readonly throttle: Throttle.Throttle
  readonly meter: Meter.Meter
}

/** The targets of one client. Services are those of contracts: a bounded few. */
export interface Targets {
  /** The target of a service; made where it is the first time. */
  readonly of: (service: string) => Target
  /** Adds to what was counted no more. */
  readonly close: () => void
}

/** Targets that tell of themselves in the registry of metrics of that context. */
export const make = (policy: Policy, context: Context.Context<never>): Targets => {
  const targets = new Map<string, Target>()
  const leaves: Array<() => void> = []
  const open = (service: string): Target => {
    const retries = Budget.make(policy.budget)
    const meter = Meter.make(service, context)
    const target: Target = {
      retries,
      hedges: Budget.make(policy.hedging),
      throttle: Throttle.make(),
      meter,
      attempts: 0,
      unpaid: 0,
      throttled: 0,
      hedged: 0,
      budget: () => Math.max(0, Math.floor(retries.left))
    }
    leaves.push(meter.join(target))
    targets.set(service, target)
    return target
  }
  return {
    of: (service) => targets.get(service) ?? open(service),
    close: () => {
      for (const leave of leaves) leave()
    }
  }
}
