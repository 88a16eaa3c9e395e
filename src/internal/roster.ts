/**
 * The list that a registry emits: complete, sorted, and never the same twice in a row.
 */
import * as Arr from "effect/Array"
import * as Equal from "effect/Equal"
import * as Order from "effect/Order"
import type { Instance } from "../Registry.ts"

/** Instances, sorted by id. */
export type Roster = ReadonlyArray<Instance>

/** In the order of code units, which is the same in every process. */
export const fromInstances = (instances: Iterable<Instance>): Roster => [...instances].toSorted(byId)

/** Whether two lists say the same. */
export const same: (a: Roster, b: Roster) => boolean = Arr.makeEquivalence(Equal.asEquivalence<Instance>())

// ---------------------------------------------------------------------------------------------------------------------

const byId = Order.mapInput(Order.String, (instance: Instance) => instance.id)
