/**
 * Figures of many runs.
 */

/** The value that such a part of all are not above. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** A line of the table. */
export interface Row {
  readonly what: string
  readonly members: number
  readonly measured: string
  readonly goal: string
  readonly isMet: boolean
}
