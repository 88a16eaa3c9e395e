/**
 * How many calls may run at once, learned from how long they take: samples in, a limit out.
 *
 * Calls that wait for each other take longer the more of them run; calls that wait for something else do not. So what a
 * method takes while it waits for nobody is its floor, and the limit is where calls take twice that: half of those that
 * run are at work, and half stand ready, so that the server is never idle by chance. A handler that takes long but stays
 * at its floor is not held back: the limit doubles until it is out of its way.
 *
 * Time is an argument, and there is no effect in here, so that a simulation can run it.
 */

export interface Options {
  /** The limit is never less, so that there is always something to learn from. */
  readonly min: number
  readonly max: number
}

/** What is known of one method: how long it takes where it waits for nobody. */
export interface Profile {
  /** Milliseconds; not a number before the first window that has a sample of it. */
  floor: number
  sum: number
  count: number
}

/** A limit, and what is being learned about it. All times are in milliseconds of one monotonic clock. */
export interface Limit {
  readonly options: Options
  /** How many calls may run now. */
  value: number
  /** What a call of the last window took, whatever its method. */
  mean: number
  /** How many times its floor that was. */
  stretch: number
  /** When the window began, or will: a call that ends before it belongs to the limit before. */
  since: number
  count: number
  /** The most calls that ran at once in this window. */
  peak: number
  /** The methods that this window has samples of. */
  readonly sampled: Array<Profile>
  /** The limit to return to, while the floor is measured anew. */
  resume: number | undefined
  /** When the floor was measured last. */
  measured: number
}

/** Few services ever need more at once, and one that can do less finds out within its first seconds. */
const start = 100

/** A window has at least so many milliseconds and samples; five times the samples where the floor is measured. */
const windowMillis = 100
const windowSamples = 10

/** How many times its floor a call may take. Less, and chance would idle the server; more only makes callers wait. */
const tolerance = 2

/** Where calls take longer than this many times their floor, and that for so long, the floor may be out of date. */
const suspicion = 1.25
const measureEvery = 10_000

export const make = (options: Options, now: number): Limit => ({
  options,
  value: Math.min(options.max, Math.max(options.min, start)),
  mean: Number.NaN,
  stretch: 1,
  since: Number.NaN,
  count: 0,
  peak: 0,
  sampled: [],
  resume: undefined,
  measured: now
})

export const profile = (): Profile => ({ floor: Number.NaN, sum: 0, count: 0 })

/** A call of that method took so long and ends now, one of so many that ran. */
export const sample = (self: Limit, profile: Profile, took: number, now: number, running: number): void => {
  // Of the very first calls, those that end first are the short ones: they would say too little.
  if (Number.isNaN(self.since)) self.since = now + took
  if (now < self.since) return
  if (profile.count++ === 0) self.sampled.push(profile)
  profile.sum += took
  if (running > self.peak) self.peak = running
  const enough = self.resume === undefined ? windowSamples : windowSamples * 5
  if (++self.count >= enough && now - self.since >= windowMillis) close(self, now)
}

/** Whether nothing has been learned yet. */
export const isNew = (self: Limit): boolean => Number.isNaN(self.mean)

/** Doubles the limit, for want of anything that speaks against it. False where it is as high as it may be. */
export const grow = (self: Limit): boolean => {
  const { value } = self
  self.value = Math.min(self.options.max, value * 2)
  return self.value > value
}

// ---------------------------------------------------------------------------------------------------------------------

const close = (self: Limit, now: number): void => {
  const { options, sampled, value } = self
  let sum = 0
  let expected = 0
  for (const profile of sampled) {
    if (Number.isNaN(profile.floor)) profile.floor = profile.sum / profile.count
    sum += profile.sum
    expected += profile.count * profile.floor
  }
  // Of calls that take no time at all, there is nothing to be learned but that nothing is in their way.
  const stretch = expected > 0 ? sum / expected : 1
  const measuring = self.resume !== undefined
  const next = measuring ? measured(self, stretch) : adjusted(self, stretch, now)
  const atFloor = self.peak <= options.min || (measuring && self.resume === undefined)
  for (const profile of sampled) learn(profile, atFloor)
  self.mean = sum / self.count
  self.stretch = stretch
  self.value = Math.round(Math.min(options.max, Math.max(options.min, next)))
  // Calls of the limit before must end first, or this one would be judged by them.
  self.since = self.value === value ? now : now + Math.min(self.mean, measureEvery)
  sampled.length = 0
  self.count = 0
  self.peak = 0
}

/** The next limit: more while calls are near their floor and it is in use, less while they are not. */
const adjusted = (self: Limit, stretch: number, now: number): number => {
  const { options, peak, value } = self
  const used = peak * 2 > value
  if (used && stretch > suspicion && value > options.min && now - self.measured > measureEvery) {
    self.measured = now
    self.resume = value
    return value / 2
  }
  // What calls take is in proportion to how many run, where they wait for each other: one step leads there.
  return used || stretch > tolerance ? value * Math.min(2, Math.max(0.5, tolerance / stretch)) : value
}

/** Halves the limit for as long as calls take less for it; once they do not, they wait for each other no more. */
const measured = (self: Limit, stretch: number): number => {
  if (stretch < self.stretch * 0.75 && self.value > self.options.min) return self.value / 2
  const next = self.resume!
  self.resume = undefined
  return next
}

/** Where calls wait for nobody, what they took is the floor; elsewhere the floor can only be lower than it was. */
const learn = (profile: Profile, atFloor: boolean): void => {
  const { count, floor, sum } = profile
  const mean = sum / count
  profile.sum = 0
  profile.count = 0
  // A window weighs more the more samples it has: few may be short, or long, by chance.
  const inertia = atFloor ? windowSamples / 2 : windowSamples * 5
  if (atFloor || mean < floor) profile.floor = floor + (mean - floor) * count / (count + inertia)
}
