/**
 * Each instance in turn.
 *
 * Within one process calls spread as evenly as can be. Processes do not know of each other's turn, so each starts
 * somewhere else; where there are many callers with few calls each, random choice does as well.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Selection from "../internal/selection.ts"
import type { Strategy } from "../internal/selection/strategy.ts"
import type { Instance, Registry } from "../Registry.ts"
import type { Selector } from "../Selector.ts"

/** The candidate whose id follows that of the last one; the first one is drawn by lot. */
const strategy: Strategy = Effect.map(Random.next, (share) => {
  // An id and not a position: who comes, goes or is left out moves nobody else's turn.
  let last: string | undefined
  return {
    pick: ({ candidates }) => {
      const next = last === undefined ? Math.floor(share * candidates.length) : following(candidates, last)
      const instance = candidates[next]!
      last = instance.id
      return instance
    }
  }
})

/** Selects each instance of a service in turn. */
export const layer: Layer.Layer<Selector, never, Registry> = Selection.layer(strategy)

/** Selects each instance of a service in turn. */
export const RoundRobinSelectorLive: Layer.Layer<Selector, never, Registry> = layer

// ---------------------------------------------------------------------------------------------------------------------

/** Where the first id beyond the last one is, or the start; lists are sorted by id. */
const following = (candidates: ReadonlyArray<Instance>, last: string): number => {
  let low = 0
  let high = candidates.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (candidates[middle]!.id > last) high = middle
    else low = middle + 1
  }
  return low === candidates.length ? 0 : low
}
