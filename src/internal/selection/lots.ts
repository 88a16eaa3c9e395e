/**
 * Lots that are drawn among candidates.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Random from "effect/Random"

/** Where random numbers come from. */
type Source = (typeof Random.Random)["Service"]

/** Any candidate, each as likely as the next. */
export const any = <A>(candidates: NonEmptyReadonlyArray<A>, random: Source): A =>
  candidates[Math.floor(random.nextDoubleUnsafe() * candidates.length)]!

/** The lesser of two candidates drawn by lot, by what they cost; of equal ones the first. Two different ones, if there are. */
export const lesserOfTwo = <A>(
  candidates: NonEmptyReadonlyArray<A>,
  random: Source,
  cost: (candidate: A) => number
): A => {
  const count = candidates.length
  const first = Math.floor(random.nextDoubleUnsafe() * count)
  if (count === 1) return candidates[0]
  const shifted = Math.floor(random.nextDoubleUnsafe() * (count - 1))
  const second = shifted < first ? shifted : shifted + 1
  const one = candidates[first]!
  const other = candidates[second]!
  return cost(other) < cost(one) ? other : one
}
