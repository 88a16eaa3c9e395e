/**
 * Durations of calls as a histogram, which is read when somebody exports it: to record one costs a few fields.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"

export interface Durations {
  readonly counts: Float64Array
  count: number
  sum: number
  min: number
  max: number
}

/** Bounds of the buckets in seconds, as the conventions of OpenTelemetry have them for calls. */
const bounds: ReadonlyArray<number> = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** A series of that name and these attributes, and how to take it back. */
export const make = (
  name: string,
  description: string,
  attributes: Readonly<Record<string, string>>,
  context: Context.Context<never>
): { readonly durations: Durations; readonly remove: () => void } => {
  const durations: Durations = {
    counts: new Float64Array(bounds.length),
    count: 0,
    sum: 0,
    min: Number.MAX_VALUE,
    max: -Number.MAX_VALUE
  }
  const metric = Metric.histogram(name, { description, boundaries: bounds, attributes: { ...attributes, unit: "s" } })
  const registration = Metric.registerUnsafe(metric, context, {
    get: () => state(durations),
    update: () => {},
    modify: () => {}
  })
  return { durations, remove: registration.remove }
}

/** A call took so many milliseconds. */
export const record = (self: Durations, millis: number): void => {
  const seconds = millis / 1000
  let bucket = 0
  while (bucket < bounds.length && seconds > bounds[bucket]) bucket++
  if (bucket < bounds.length) self.counts[bucket]++
  self.count++
  self.sum += seconds
  if (seconds < self.min) self.min = seconds
  if (seconds > self.max) self.max = seconds
}

// ---------------------------------------------------------------------------------------------------------------------

/** A bucket has all that is not longer than its bound. */
const state = ({ count, counts, max, min, sum }: Durations): Metric.HistogramState => {
  let total = 0
  return { buckets: bounds.map((bound, index) => [bound, total += counts[index]]), count, sum, min, max }
}
