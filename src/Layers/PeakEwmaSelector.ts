/**
 * Of two instances drawn by lot, the one that is expected to take the next call sooner.
 *
 * What is expected is a moving average of how long calls took, times the calls in flight. The average follows a slow call
 * at once and fast ones slowly; a failure counts as a call of five seconds, so that whoever fails fast does not look fast;
 * and whoever hangs is as slow as it has been silent. It knows only what this process has seen.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Selection from "../internal/selection.ts"
import * as Latencies from "../internal/selection/latencies.ts"
import type * as Peak from "../internal/selection/peak.ts"
import type { Strategy } from "../internal/selection/strategy.ts"
import { now } from "../internal/wheel.ts"
import type { Registry } from "../Registry.ts"
import type { Selector } from "../Selector.ts"

/** How an instance is judged. */
export interface Options {
  /**
   * How fast the past is forgotten: after so long, what was known counts for little more than a third. Default 10 seconds,
   * which does best where many callers share a fleet; a single caller that makes most of the calls may try 1 second.
   */
  readonly decay?: Duration.Input | undefined
  /** The least that a failed call counts as. Default 5 seconds. */
  readonly penalty?: Duration.Input | undefined
  /** How long a new instance takes from a tenth of its draws to all of them. Default 10 seconds. */
  readonly slowStart?: Duration.Input | undefined
}

/** Of two candidates, the one where a call is expected to take less. */
const strategy = (options?: Options): Strategy => {
  const rates: Peak.Rates = {
    decay: Math.max(1, Duration.toMillis(options?.decay ?? "10 seconds")),
    penalty: Duration.toMillis(options?.penalty ?? "5 seconds"),
    slowStart: Duration.toMillis(options?.slowStart ?? "10 seconds")
  }
  return Effect.sync(() => {
    const latencies = Latencies.make(rates)
    return {
      pick: (choice) => {
        const time = now(choice.clock)
        latencies.follow(choice, time)
        return latencies.lend(latencies.lesser(choice, time), choice, time)
      },
      look: latencies.look
    }
  })
}

/**
 * Selects by what a call is expected to take.
 *
 * **Gotchas**
 *
 * A stream counts as a call that takes until its last reply, at most a minute. Where long streams and short calls go to the
 * same instances, `LeastLoadedSelector` judges better.
 */
export const layer = (options?: Options): Layer.Layer<Selector, never, Registry> => Selection.layer(strategy(options))

/** Selects by what a call is expected to take. */
export const PeakEwmaSelectorLive: Layer.Layer<Selector, never, Registry> = layer()
