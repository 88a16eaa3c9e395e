/**
 * Counts how often a call moved to another instance: a selector around a selector, as a layer that needs what it gives.
 */
import { Selector } from "effect-micro/Selector"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"

/** Leases to calls that had been to another instance before. */
export const moves = Metric.counter("moves", { incremental: true })

export const layer: Layer.Layer<Selector, never, Selector> = Layer.effect(
  Selector,
  Effect.map(Selector, (selector) =>
    Selector.of({
      ...selector,
      select: (service, lease, options) => {
        const lent = selector.select(service, lease, options)
        return options?.avoid === undefined ? lent : Effect.andThen(Metric.update(moves, 1), lent)
      }
    }))
)
