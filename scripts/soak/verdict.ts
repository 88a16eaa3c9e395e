/** Whether a soak has gone well. */
import type { Weight } from "./meter.ts"

/** What was seen of one process, each second. */
export type Samples = ReadonlyArray<Weight>

export interface Facts {
  /** Processes that lived from the beginning to the end. */
  readonly steady: Readonly<Record<string, Samples>>
  /** What there was of the caller when its last call had ended. */
  readonly left: Weight | undefined
  readonly begun: number
  readonly ended: Readonly<Record<string, number>>
  /** Calls that must not run twice, and were answered. */
  readonly answered: ReadonlySet<string>
  /** How often each has run. */
  readonly runs: ReadonlyMap<string, number>
}

/** What was claimed, and whether it held. */
export const claims = ({ answered, begun, ended, left, runs, steady }: Facts): Readonly<Record<string, boolean>> => {
  const ways = Object.keys(ended).filter((how) => how.includes(" "))
  const twice = [...runs].filter(([id, times]) => times > 1 && !id.startsWith("again-"))
  const phantoms = [...answered].filter((id) => !runs.has(id))
  return {
    "every call has ended": Object.values(ended).reduce((sum, count) => sum + count, 0) === begun,
    "calls were answered on every lane": new Set(ways.map((way) => way.split(" ")[0])).size === 3,
    "calls of every kind were answered on every lane": ways.length === 14 || isShort(steady["caller"]),
    "no call ended in a defect": ended["defect"] === undefined && ended["RemoteDefect"] === undefined,
    "no call ran twice that must not": twice.length === 0,
    "no call was answered that has not run": phantoms.length === 0,
    "nothing is left of the caller's fibers and sockets": left?.fibers === 0 && left.handles <= pipes,
    ...Object.fromEntries(
      Object.entries(steady).flatMap(([name, samples]) => [
        [`the memory of the ${name} is flat`, isFlat(samples, "rss", 24)],
        [`the handles of the ${name} are flat`, isFlat(samples, "handles", 24)],
        [`the fibers of the ${name} are flat`, isFlat(samples, "fibers", 48)]
      ])
    )
  }
}

/** What a value gains from the first half of the time to the second, on average; the warm-up is left out. */
export const growth = (values: ReadonlyArray<number>): number => {
  const warm = values.slice(Math.floor(values.length / 5))
  const middle = Math.floor(warm.length / 2)
  return mean(warm.slice(middle)) - mean(warm.slice(0, middle))
}

// ---------------------------------------------------------------------------------------------------------------------

/** What a process has open without doing anything: input and output, and the timer of its last report. */
const pipes = 5

/** Seconds without which there is nothing to be said about growth, nor about luck. */
const least = 60

const isShort = (samples: Samples): boolean => samples.length < least

const isFlat = (samples: Samples, what: keyof Weight, most: number): boolean =>
  isShort(samples) || growth(samples.map((sample) => sample[what])) < most

const mean = (values: ReadonlyArray<number>): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
