/**
 * Any instance, each as likely as the next.
 *
 * It remembers nothing and costs next to nothing, and many callers that know nothing of each other still spread evenly:
 * the choice where instances are alike and calls are short.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Selection from "../internal/selection.ts"
import * as Lots from "../internal/selection/lots.ts"
import type { Strategy } from "../internal/selection/strategy.ts"
import type { Registry } from "../Registry.ts"
import type { Selector } from "../Selector.ts"

/** Each candidate is as likely as the next. */
const strategy: Strategy = Effect.succeed({ pick: ({ candidates, random }) => Lots.any(candidates, random) })

/** Selects at random, by the caller's `Random`: with a seed, the same choices again. */
export const layer: Layer.Layer<Selector, never, Registry> = Selection.layer(strategy)

/** Selects at random. */
export const RandomSelectorLive: Layer.Layer<Selector, never, Registry> = layer
