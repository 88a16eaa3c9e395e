/**
 * What calls to the instances of one service are expected to take, as far as this process has seen.
 */
import type { Instance } from "../../Registry.ts"
import * as Fault from "./fault.ts"
import * as Loan from "./loan.ts"
import * as Lots from "./lots.ts"
import * as Members from "./members.ts"
import * as Peak from "./peak.ts"
import type { Choice, Look } from "./strategy.ts"

export interface Latencies {
  /** Takes in who there is. */
  readonly follow: (choice: Choice, time: number) => void
  /** What one more call would cost. */
  readonly cost: (instance: Instance, time: number) => number
  /** What it costs besides to have failed; nothing where it never did. */
  readonly blame: (instance: Instance, time: number) => number
  /** Whether an instance is to be passed over this time, because it is new. Draws a lot. */
  readonly isHeldBack: (instance: Instance, choice: Choice, time: number) => boolean
  /** Of two drawn by lot, the one that costs less. */
  readonly lesser: (choice: Choice, time: number) => Instance
  /** Lends an instance: a call begins, and is timed. */
  readonly lend: (instance: Instance, choice: Choice, time: number) => Instance
  readonly look: (instance: Instance, time: number) => Look
}

/** How much one call moves what is typical. */
const inertia = 1 / 16

export const make = (rates: Peak.Rates): Latencies => {
  const peaks = Members.make<Peak.Peak>()
  /** What a call to a good instance takes, in milliseconds: what is assumed of those that nothing is known of. */
  let typical = 0

  const cost: Latencies["cost"] = (instance, time) => Peak.cost(peaks.of(instance), typical, time, rates)
  const isHeldBack: Latencies["isHeldBack"] = (instance, { random }, time) => {
    const share = Peak.share(peaks.of(instance), time, rates)
    return share < 1 && random.nextDoubleUnsafe() >= share
  }
  return {
    // The instances of the first list may have run for days: nobody among them is new.
    follow: ({ list }, time) =>
      peaks.follow(list, (isFirstList) => Peak.make(isFirstList ? time - rates.slowStart : time)),
    cost,
    blame: (instance, time) => Peak.blame(peaks.of(instance), time, rates),
    isHeldBack,
    lesser: (choice, time) =>
      Lots.lesserOfTwo(
        choice.candidates,
        choice.random,
        (instance) => isHeldBack(instance, choice, time) ? Infinity : cost(instance, time)
      ),
    lend: (instance, choice, start) => {
      const peak = peaks.find(instance)
      // It may have left while somebody was asked.
      if (peak !== undefined) {
        begin(peak, choice, start, rates, (elapsed) => {
          typical += (elapsed - typical) * (typical === 0 ? 1 : inertia)
        })
      }
      return instance
    },
    look: (instance, time) => {
      const peak = peaks.find(instance)
      return peak === undefined
        ? { inFlight: 0 }
        : { inFlight: peak.inFlight, latency: Peak.latency(peak, time, rates) }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A call begins, and is timed; one that did not fail is told of. */
const begin = (
  peak: Peak.Peak,
  { clock, lease }: Choice,
  start: number,
  rates: Peak.Rates,
  took: (elapsed: number) => void
): void => {
  const isOpen = Loan.onEnd(lease, clock, (exit, end) => {
    const elapsed = Math.max(0, end - start)
    const failed = exit._tag === "Failure" && !Fault.isLate(exit)
    Peak.end(peak, elapsed, failed, end, rates)
    if (!failed) took(elapsed)
  })
  if (isOpen) Peak.begin(peak, start, rates)
}
