/**
 * How long the calls of a method take, of late: quantiles of a histogram that forgets, for some nanoseconds a call.
 */

/** Of one method. */
export interface Pace {
  readonly counts: Float32Array
  /** How much the calls in `counts` weigh together. */
  total: number
  /** How many calls were not counted since the last one that was. */
  passed: number
  /** When the quantiles are due again. */
  due: number
  /** What half of the calls take at most, in milliseconds; undefined until enough have ended. */
  half: number | undefined
  /** What 95 of a hundred take at most. */
  p95: number | undefined
  /** What 99 of a hundred take at most. */
  p99: number | undefined
}

/** Nothing is known yet. */
export const make = (): Pace => ({
  counts: new Float32Array(size),
  total: 0,
  passed: 0,
  due: -Infinity,
  half: undefined,
  p95: undefined,
  p99: undefined
})

/** Takes in a call that took so many milliseconds. Of many calls, it is each eighth. */
export const note = (pace: Pace, elapsed: number, now: number): void => {
  if (pace.total >= plenty && pace.passed++ < 7) return
  pace.passed = 0
  const bucket = Math.ceil(Math.log2(elapsed / least) * steps)
  // Not a number, where the clock was set: such a call is none.
  if (bucket !== bucket) return
  pace.counts[Math.min(size - 1, Math.max(0, bucket))]++
  pace.total++
  if (pace.total >= enough && now >= pace.due) settle(pace, now)
}

// ---------------------------------------------------------------------------------------------------------------------

/** Fewer calls say nothing of the slowest in a hundred. */
const enough = 100

/** Where there are more, a part of them says as much. */
const plenty = 1000

/** Quantiles are worked out every so many milliseconds, and what was counted until then weighs half from then on. */
const pause = 3000

/** From 0.1 ms to more than a minute, each step of 9 %; longer calls count as the longest. */
const least = 0.1
const steps = 8
const size = 160

const settle = (pace: Pace, now: number): void => {
  const { counts, total } = pace
  let below = 0
  let half: number | undefined
  let p95: number | undefined
  let p99: number | undefined
  for (let bucket = 0; bucket < size; bucket++) {
    below += counts[bucket]
    counts[bucket] /= 2
    const longest = least * 2 ** (bucket / steps)
    if (below >= total * 0.5) half ??= longest
    if (below >= total * 0.95) p95 ??= longest
    if (below >= total * 0.99) p99 ??= longest
  }
  Object.assign(pace, { total: total / 2, due: now + pause, half, p95, p99 })
}
