/**
 * The same key, the same instance, unless that one has more than its share to do.
 *
 * What an instance keeps in memory for a key is found there again by the next call. Few keys move when the list changes;
 * a hot key spills over to the next instance, always in the same order. A call without a key is placed by lot.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Selection from "../internal/selection.ts"
import * as InFlight from "../internal/selection/inFlight.ts"
import * as Lots from "../internal/selection/lots.ts"
import * as Ring from "../internal/selection/ring.ts"
import type { Strategy } from "../internal/selection/strategy.ts"
import type { Instance, Registry } from "../Registry.ts"
import type { Selector } from "../Selector.ts"

/** How far keys are followed. */
export interface Options {
  /**
   * How much more than its share an instance may have in flight, as a part of the share, before its keys go elsewhere.
   * Default 0.25. `Infinity` never parts a key from its instance; 0 parts most.
   */
  readonly slack?: number | undefined
}

/** The candidate that is nearest to the key and has room. */
const strategy = (options?: Options): Strategy => {
  const slack = Math.max(0, options?.slack ?? 0.25)
  return Effect.sync(() => {
    const inFlight = InFlight.make()
    const rings = new WeakMap<ReadonlyArray<Instance>, Ring.Ring>()
    const ringOf = (candidates: ReadonlyArray<Instance>): Ring.Ring => {
      const known = rings.get(candidates)
      if (known !== undefined) return known
      const ring = Ring.make(candidates)
      rings.set(candidates, ring)
      return ring
    }
    return {
      pick: (choice) => {
        const { candidates, key, random } = choice
        const share = (inFlight.total() + 1) / candidates.length
        const bound = Math.ceil(share * (1 + slack))
        // Somebody always has room: if all were at their bound, they had more in flight than there is.
        const instance = key === undefined
          ? undefined
          : Ring.find(ringOf(candidates), key, (instance) => inFlight.of(instance) < bound)
        return inFlight.lend(instance ?? Lots.any(candidates, random), choice)
      },
      look: (instance) => ({ inFlight: inFlight.of(instance) })
    }
  })
}

/**
 * Selects by the key of the call.
 *
 * **Gotchas**
 *
 * The bound counts the calls of this process. A retry, and a filter, choose from a list of their own, which is sorted anew
 * for each choice: some milliseconds where ten thousand instances are left.
 */
export const layer = (options?: Options): Layer.Layer<Selector, never, Registry> => Selection.layer(strategy(options))

/** Selects by the key of the call. */
export const HashSelectorLive: Layer.Layer<Selector, never, Registry> = layer()
