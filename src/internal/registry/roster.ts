/**
 * The list that a registry emits: complete, sorted, and never the same twice in a row.
 */
import * as Arr from "effect/Array"
import * as Equal from "effect/Equal"
import * as Order from "effect/Order"
import type { Instance } from "../../Registry.ts"

/** Instances, sorted by id. */
export type Roster = ReadonlyArray<Instance>

/** In the order of code units, which is the same in every process. */
export const fromInstances = (instances: Iterable<Instance>): Roster => [...instances].toSorted(byId)

/** Adds an instance, or replaces the one of its id. */
export const put = (roster: Roster, instance: Instance): Roster => {
  const { found, index } = search(roster, instance.id)
  return found ? roster.with(index, instance) : roster.toSpliced(index, 0, instance)
}

/** Takes an instance away, if it is there. */
export const remove = (roster: Roster, id: string): Roster => {
  const { found, index } = search(roster, id)
  return found ? roster.toSpliced(index, 1) : roster
}

/** Whether two lists say the same. */
export const same: (a: Roster, b: Roster) => boolean = Arr.makeEquivalence(Equal.asEquivalence<Instance>())

// ---------------------------------------------------------------------------------------------------------------------

const byId = Order.mapInput(Order.String, (instance: Instance) => instance.id)

/** Where the id is, or belongs. */
const search = (roster: Roster, id: string): { readonly found: boolean; readonly index: number } => {
  let low = 0
  let high = roster.length
  while (low < high) {
    const middle = low + high >>> 1
    if ((roster[middle]?.id ?? "") < id) low = middle + 1
    else high = middle
  }
  return { found: roster[low]?.id === id, index: low }
}
