/**
 * The less loaded of two instances drawn by lot.
 *
 * Two are enough: the longest queue grows with the logarithm of the logarithm of the fleet, and the choice costs the same
 * for ten instances and ten thousand. It counts what this process has in flight, and knows nothing of other callers or of
 * how long calls take. Who fails fast has little in flight, and draws calls: eject whom you cannot trust.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Selection from "../internal/selection.ts"
import * as InFlight from "../internal/selection/inFlight.ts"
import * as Lots from "../internal/selection/lots.ts"
import type { Strategy } from "../internal/selection/strategy.ts"
import type { Registry } from "../Registry.ts"
import type { Selector } from "../Selector.ts"

/** Of two candidates, the one with fewer calls in flight. */
const strategy: Strategy = Effect.sync(() => {
  const inFlight = InFlight.make()
  return {
    pick: (choice) => inFlight.lend(Lots.lesserOfTwo(choice.candidates, choice.random, inFlight.of), choice),
    look: (instance) => ({ inFlight: inFlight.of(instance) })
  }
})

/** Selects the one with fewer calls in flight of two instances, drawn by the caller's `Random`. */
export const layer: Layer.Layer<Selector, never, Registry> = Selection.layer(strategy)

/** Selects the one with fewer calls in flight of two instances. */
export const LeastLoadedSelectorLive: Layer.Layer<Selector, never, Registry> = layer
