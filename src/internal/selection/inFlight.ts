/**
 * How many calls each instance has in flight, as far as this process knows.
 */
import type { Instance } from "../../Registry.ts"
import * as Loan from "./loan.ts"
import type { Choice } from "./strategy.ts"

/** The calls in flight of one service. */
export interface InFlight {
  /** Of one instance. */
  readonly of: (instance: Instance) => number
  /** Of all of them. */
  readonly total: () => number
  /** Lends an instance, with one more call until the lease closes. */
  readonly lend: (instance: Instance, choice: Choice) => Instance
}

/** Counts by id: what an instance has in flight goes on when it is told of anew. Who has nothing in flight has no entry. */
export const make = (): InFlight => {
  const counts = new Map<string, number>()
  let total = 0
  const add = (id: string, more: 1 | -1): void => {
    const count = (counts.get(id) ?? 0) + more
    total += more
    if (count === 0) counts.delete(id)
    else counts.set(id, count)
  }
  return {
    of: ({ id }) => counts.get(id) ?? 0,
    total: () => total,
    lend: (instance, { clock, lease }) => {
      if (Loan.onEnd(lease, clock, () => add(instance.id, -1))) add(instance.id, 1)
      return instance
    }
  }
}
