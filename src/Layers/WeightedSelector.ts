/**
 * Each instance in proportion to its weight, as evenly over time as that allows.
 *
 * The weight is what an instance says of itself, `weight` in its metadata. The turn moves on by the golden section of the
 * whole each time: of any few calls in a row, each instance gets very nearly its part.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Selection from "../internal/selection.ts"
import type { Strategy } from "../internal/selection/strategy.ts"
import type { Instance, Registry } from "../Registry.ts"
import type { Selector } from "../Selector.ts"

/**
 * The weight of an instance, from 0 to a million.
 *
 * **Details**
 *
 * Without one it is 1, and so it is where the text is no number, or a negative or infinite one: a slip of the pen neither
 * silences an instance nor floods it. Who weighs 0 takes calls only where all candidates weigh 0, and then each like the
 * others.
 */
export const weightOf = ({ metadata }: Instance): number => {
  const text = metadata["weight"]?.trim() ?? ""
  const weight = text === "" ? 1 : Number(text)
  return Number.isFinite(weight) && weight >= 0 ? Math.min(weight, heaviest) : 1
}

/** The candidate whose part of the whole the turn has come to; the first turn is drawn by lot. */
const strategy: Strategy = Effect.map(Random.next, (start) => {
  let turn = start
  const known = new WeakMap<ReadonlyArray<Instance>, Float64Array>()
  return {
    pick: ({ candidates }) => {
      let ends = known.get(candidates)
      if (ends === undefined) known.set(candidates, ends = endsOf(candidates))
      turn = (turn + goldenSection) % 1
      return candidates[following(ends, turn * ends.at(-1)!)]!
    }
  }
})

/** Selects by weight. */
export const layer: Layer.Layer<Selector, never, Registry> = Selection.layer(strategy)

/** Selects by weight. */
export const WeightedSelectorLive: Layer.Layer<Selector, never, Registry> = layer

// ---------------------------------------------------------------------------------------------------------------------

const heaviest = 1_000_000

const goldenSection = (Math.sqrt(5) - 1) / 2

/** Where the part of each candidate ends. */
const endsOf = (candidates: ReadonlyArray<Instance>): Float64Array => {
  const weights = candidates.map(weightOf)
  const isNobodyHeavier = weights.every((weight) => weight === 0)
  let sum = 0
  return Float64Array.from(weights, (weight) => sum += isNobodyHeavier ? 1 : weight)
}

/** The first part that ends beyond the point. */
const following = (ends: Float64Array, point: number): number => {
  let low = 0
  let high = ends.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ends[middle]! > point) high = middle
    else low = middle + 1
  }
  return low
}
