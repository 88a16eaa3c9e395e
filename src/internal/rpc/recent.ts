/**
 * A sum over the last ten seconds. What is older falls out a second at a time.
 */

export interface Recent {
  /** A slot for each second. */
  readonly slots: Float64Array
  /** The second that was added to last, its slot, and the moment it ends, in milliseconds. */
  second: number
  slot: number
  until: number
  sum: number
}

/** Nothing yet. */
export const make = (): Recent => ({
  slots: new Float64Array(seconds),
  second: -Infinity,
  slot: 0,
  until: -Infinity,
  sum: 0
})

/** Adds an amount, now in milliseconds. */
export const add = (recent: Recent, amount: number, now: number): void => {
  // Once a second, so that most calls cost an addition.
  if (now >= recent.until) advance(recent, now)
  recent.slots[recent.slot] += amount
  recent.sum += amount
}

/** The sum as of now. */
export const sum = (recent: Recent, now: number): number => {
  if (now >= recent.until) advance(recent, now)
  return recent.sum
}

// ---------------------------------------------------------------------------------------------------------------------

const seconds = 10

const advance = (recent: Recent, now: number): void => {
  const second = Math.floor(now / 1000)
  const { slots } = recent
  for (let past = Math.max(recent.second + 1, second - seconds + 1); past <= second; past++) slots[past % seconds] = 0
  recent.second = second
  recent.slot = second % seconds
  recent.until = (second + 1) * 1000
  // Anew, since differences of fractions would add up.
  recent.sum = slots.reduce((sum, slot) => sum + slot, 0)
}
