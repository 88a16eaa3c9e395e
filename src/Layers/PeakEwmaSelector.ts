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
import * as Fault from "../internal/selection/fault.ts"
import * as Loan from "../internal/selection/loan.ts"
import * as Lots from "../internal/selection/lots.ts"
import * as Members from "../internal/selection/members.ts"
import * as Peak from "../internal/selection/peak.ts"
import type { Choice, Strategy } from "../internal/selection/strategy.ts"
import { now } from "../internal/wheel.ts"
import type { Instance, Registry } from "../Registry.ts"
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
    const fleet: Fleet = { peaks: Members.make(), typical: 0, rates }
    return {
      pick: (choice) => {
        const { candidates, list, random } = choice
        const time = now(choice.clock)
        // The instances of the first list may have run for days: nobody among them is new.
        fleet.peaks.follow(list, (isFirstList) => Peak.make(isFirstList ? time - rates.slowStart : time))
        const cost = (instance: Instance): number => {
          const peak = fleet.peaks.of(instance)
          const share = Peak.share(peak, time, rates)
          const isHeldBack = share < 1 && random.nextDoubleUnsafe() >= share
          return isHeldBack ? Infinity : Peak.cost(peak, fleet.typical, time, rates)
        }
        const instance = Lots.lesserOfTwo(candidates, random, cost)
        begin(fleet, fleet.peaks.of(instance), time, choice)
        return instance
      },
      look: (instance, time) => {
        const peak = fleet.peaks.find(instance)
        return peak === undefined
          ? { inFlight: 0 }
          : { inFlight: peak.inFlight, latency: Peak.latency(peak, time, rates) }
      }
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

// ---------------------------------------------------------------------------------------------------------------------

/** How much one call moves what is typical. */
const inertia = 1 / 16

interface Fleet {
  readonly peaks: Members.Members<Peak.Peak>
  /** What a call to a good instance takes, in milliseconds: what is assumed of those that nothing is known of. */
  typical: number
  readonly rates: Peak.Rates
}

/** A call begins, and is timed. */
const begin = (fleet: Fleet, peak: Peak.Peak, start: number, { clock, lease }: Choice): void => {
  const isOpen = Loan.onEnd(lease, clock, (exit, end) => {
    const elapsed = Math.max(0, end - start)
    const failed = exit._tag === "Failure" && !Fault.isLate(exit)
    Peak.end(peak, elapsed, failed, end, fleet.rates)
    if (!failed) fleet.typical += (elapsed - fleet.typical) * (fleet.typical === 0 ? 1 : inertia)
  })
  if (isOpen) Peak.begin(peak, start, fleet.rates)
}
