/**
 * What a call to an instance is expected to take, from how the last ones went: a moving average that believes bad news at
 * once and good news slowly.
 */

/** How an average moves; all in milliseconds. */
export interface Rates {
  /** How long it takes until a sample counts for a third. */
  readonly decay: number
  /** The least that a call counts as that failed by the fault of the instance. */
  readonly penalty: number
  /** How long a new instance takes to its full share. */
  readonly slowStart: number
}

/** One instance. */
export interface Peak {
  /** What a call takes, as of `heardAt`; undefined until one has ended. */
  latency: number | undefined
  inFlight: number
  /** When a call last ended, or the first of those in flight was lent. */
  heardAt: number
  /** When a call last failed by the fault of the instance. */
  failedAt: number
  readonly since: number
}

/** Someone of whom nothing is known, and who takes part since that moment. */
export const make = (since: number): Peak => ({
  latency: undefined,
  inFlight: 0,
  heardAt: since,
  failedAt: -Infinity,
  since
})

/**
 * What one more call would cost. Whom nothing is known of is as good as the others are on average, which is `typical`.
 *
 * A calm instance is forgiven, or one that was slow once would never be tried again. One that has calls in flight and
 * ends none of them is as slow as its silence is long: it must not be forgiven for hanging.
 */
export const cost = (peak: Peak, typical: number, now: number, rates: Rates): number => {
  return Math.max(latency(peak, now, rates) ?? typical, silence(peak, now), least) * (peak.inFlight + 1)
}

/** What is left of how long calls took; undefined where none has ended. */
export const latency = (peak: Peak, now: number, rates: Rates): number | undefined =>
  peak.latency === undefined ? undefined : peak.latency * fade(peak, now, rates)

/** What is left of the penalty for the last failure. */
export const blame = ({ failedAt }: Peak, now: number, { decay, penalty }: Rates): number =>
  penalty * Math.exp(Math.min(0, failedAt - now) / decay)

/** The part of its draws that an instance may win, between a tenth and 1: a new one has cold caches and code. */
export const share = ({ since }: Peak, now: number, { slowStart }: Rates): number => {
  const age = now - since
  return age >= slowStart ? 1 : Math.max(0.1, age / slowStart)
}

/** A call begins. */
export const begin = (peak: Peak, now: number, rates: Rates): void => {
  if (peak.inFlight === 0) {
    // The average fades from when it was last heard of, and that moment moves.
    if (peak.latency !== undefined) peak.latency *= fade(peak, now, rates)
    peak.heardAt = now
  }
  peak.inFlight++
}

/** A call ends that took so long. */
export const end = (peak: Peak, elapsed: number, failed: boolean, now: number, rates: Rates): void => {
  const sample = Math.min(Math.max(elapsed, failed ? rates.penalty : 0), most)
  const rest = fade(peak, now, rates)
  const latency = peak.latency === undefined ? 0 : peak.latency * rest
  peak.latency = sample > latency ? sample : latency + sample * (1 - rest)
  peak.heardAt = now
  if (failed) peak.failedAt = now
  peak.inFlight--
}

// ---------------------------------------------------------------------------------------------------------------------

/** Below so many milliseconds latencies are noise, and only the calls in flight count. */
const least = 0.1

/** No call counts for more milliseconds than that: a stream of a day must not shut out an instance for an hour. */
const most = 60_000

/** How long nothing has been heard of calls that are in flight. */
const silence = (peak: Peak, now: number): number => peak.inFlight === 0 ? 0 : now - peak.heardAt

/** What is left of the past. All of it, by a clock that went back. */
const fade = (peak: Peak, now: number, { decay }: Rates): number => Math.exp(Math.min(0, peak.heardAt - now) / decay)
