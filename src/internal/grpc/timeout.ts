/**
 * `grpc-timeout`: what is left of a deadline, as at most eight digits and a unit.
 */

/** The header's value for milliseconds, in the finest unit that has room for it; rounded up, so that it is never zero. */
export const format = (millis: number): string => {
  for (const [unit, size] of units) {
    const count = Math.max(Math.ceil(millis / size), 1)
    if (count <= most) return `${count}${unit}`
  }
  return `${most}H`
}

/** The milliseconds that a header says; undefined where it says nothing that gRPC knows. */
export const parse = (text: string): number | undefined => {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits) * sizes[unit]
}

// ---------------------------------------------------------------------------------------------------------------------

const most = 99_999_999

/** Milliseconds of each unit. Nanoseconds are read, and too fine to be written. */
const sizes: Readonly<Record<string, number>> = { n: 1e-6, u: 1e-3, m: 1, S: 1000, M: 60_000, H: 3_600_000 }

const units: ReadonlyArray<readonly [string, number]> = ["u", "m", "S", "M", "H"].map((unit) => [unit, sizes[unit]])
