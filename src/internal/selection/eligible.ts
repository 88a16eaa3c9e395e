/**
 * Who may be lent: all that are registered, less what a choice has to heed.
 *
 * It is worked out once for a list and the same demands, and remembered: a filter or an ejection costs a pass over the
 * instances, and not each call one.
 */
import type { Instance } from "../../Registry.ts"
import type { SelectOptions, Subset } from "../../Selector.ts"
import * as Hash from "./hash.ts"

/** Who may be lent. */
export interface Eligible {
  /** Who goes first, and who takes the rest of the calls. Nobody at all where the first are none. */
  readonly first: ReadonlyArray<Instance>
  readonly others: ReadonlyArray<Instance>
  /** The part of the calls that goes to the first, 1 where there are no others. */
  readonly share: number
}

/** Works out who is eligible. */
export type Eligibility = (list: ReadonlyArray<Instance>, options: SelectOptions) => Eligible

/** Whether all that are registered may be lent. */
export const isAnybody = ({ avoid, keep, prefer, subset }: SelectOptions): boolean =>
  keep === undefined && prefer === undefined && subset === undefined && (avoid === undefined || avoid.size === 0)

/** Remembers the last few answers for the list that there is. */
export const make = (): Eligibility => {
  let known: ReadonlyArray<Answer> = []
  return (list, options) => {
    if (known[0]?.list !== list) known = []
    const same = known.find((answer) => isSame(answer, options))
    if (same !== undefined) return same
    const answer = work(list, options, known)
    known = [answer, ...known.slice(0, most - 1)]
    return answer
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Answers that are remembered: calls with and without a preference, their retries, and trials take turns. */
const most = 4

interface Answer extends Eligible {
  readonly list: ReadonlyArray<Instance>
  readonly options: SelectOptions
  /** How many were to be avoided: that set may grow. */
  readonly avoided: number
  /** Those that pass, and the part of them that is used. */
  readonly kept: ReadonlyArray<Instance>
  readonly part: ReadonlyArray<Instance>
}

const isSame = (answer: Answer, { avoid, keep, prefer, subset }: SelectOptions): boolean =>
  answer.options.keep === keep && answer.options.avoid === avoid && answer.avoided === (avoid?.size ?? 0) &&
  answer.options.prefer === prefer && answer.options.subset === subset

const work = (list: ReadonlyArray<Instance>, options: SelectOptions, known: ReadonlyArray<Answer>): Answer => {
  const { avoid, keep, prefer, subset } = options
  const like = known.find((answer) => answer.options.keep === keep && answer.options.subset === subset)
  const kept = like?.kept ?? (keep === undefined ? list : list.filter(keep))
  const part = like?.part ?? (subset === undefined ? kept : drawn(kept, subset))
  const isFresh = ({ id }: Instance): boolean => avoid?.has(id) !== true
  const avoided = avoid?.size ?? 0
  const fresh = [part, kept].map((instances) => avoided === 0 ? instances : instances.filter(isFresh))
  const candidates = fresh.find(({ length }) => length > 0) ?? part
  const ranks = prefer === undefined
    ? { first: candidates, others: [], share: 1 }
    : ranked(candidates, part, prefer.passes, prefer.spare)
  return { ...ranks, list, options, avoided, kept, part }
}

/** Those that pass first, as far as enough of them are left. */
const ranked = (
  candidates: ReadonlyArray<Instance>,
  part: ReadonlyArray<Instance>,
  passes: (instance: Instance) => boolean,
  spare: number
): Eligible => {
  const first = candidates.filter(passes)
  const others = candidates.filter((instance) => !passes(instance))
  if (first.length === 0) return { first: others, others: [], share: 1 }
  const left = first.length / Math.max(first.length, part.filter(passes).length)
  return { first, others, share: others.length === 0 ? 1 : Math.min(1, left * spare) }
}

/**
 * Those with the highest lots, which everybody draws alike for the same seed: who comes or goes changes one of them at
 * most. In the order of the list, since some strategies rely on it.
 */
const drawn = (instances: ReadonlyArray<Instance>, { seed, size }: Subset): ReadonlyArray<Instance> => {
  if (instances.length <= size) return instances
  // Lot and index in one number, since numbers are sorted much faster than pairs.
  const lots = Float64Array.from(instances, ({ id }, index) => Hash.mix(Hash.ofText(id) ^ seed) * 2 ** 21 + index)
  const indexes = lots.toSorted().subarray(-size).map((lot) => lot % 2 ** 21).toSorted()
  return Array.from(indexes, (index) => instances[index]!)
}
