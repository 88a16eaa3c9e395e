/**
 * Asks three instances how busy they are, and picks the one that will be done soonest.
 *
 * Of what an instance has to do, each of many callers sees only its own part; the instance knows all of it. Its word is how
 * many calls it has and what its handlers take, and the product is when one more call would be done. That is worth a round
 * trip where calls take several; where they do not, or nobody can be asked, the choice is that of peak EWMA.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Selection from "../internal/selection.ts"
import * as Guided from "../internal/selection/guided.ts"
import type { Registry } from "../Registry.ts"
import type { Selector } from "../Selector.ts"

/** How an instance is judged. */
export interface Options {
  /**
   * How long a choice waits for answers, or three round trips where that is longer. Default 3 milliseconds. Who has not
   * answered by then is passed over until it has.
   */
  readonly patience?: Duration.Input | undefined
  /** How fast latencies and failures are forgotten: after so long they count for little more than a third. Default 10 seconds. */
  readonly decay?: Duration.Input | undefined
  /** What a failure counts as. Default 5 seconds. */
  readonly penalty?: Duration.Input | undefined
  /** How long a new instance takes from a tenth of its draws to all of them. Default 10 seconds. */
  readonly slowStart?: Duration.Input | undefined
}

/**
 * Selects by what instances say of how busy they are.
 *
 * **Details**
 *
 * Instances are asked over the multiplexed lane, on connections that calls have made. Others, and those of versions that
 * cannot be asked, are judged as `PeakEwmaSelector` does. A choice may begin a call later than it would otherwise begin, by
 * `patience` at most.
 *
 * **Example** (Many callers, and calls that compute)
 *
 * ```ts
 * import { EjectingSelectorLive } from "effect-micro/Layers/EjectingSelector"
 * import { GuidedSelectorLive } from "effect-micro/Layers/GuidedSelector"
 * import * as Micro from "effect-micro/Layers/Micro"
 * import * as Layer from "effect/Layer"
 *
 * export const Production = Micro.layer({
 *   selector: EjectingSelectorLive.pipe(Layer.provide(GuidedSelectorLive))
 * })
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Selector, never, Registry> => {
  const rules: Guided.Rules = {
    patience: Duration.toMillis(options?.patience ?? "3 millis"),
    decay: Math.max(1, Duration.toMillis(options?.decay ?? "10 seconds")),
    penalty: Duration.toMillis(options?.penalty ?? "5 seconds"),
    slowStart: Duration.toMillis(options?.slowStart ?? "10 seconds")
  }
  return Selection.layer(Effect.sync(() => Guided.make(rules)))
}

/** Selects by what instances say of how busy they are. */
export const GuidedSelectorLive: Layer.Layer<Selector, never, Registry> = layer()
