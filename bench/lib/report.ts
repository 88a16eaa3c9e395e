/**
 * What came out, as tables in markdown.
 */
import type { Result, Start } from "./run.ts"

/** The rounds of one workload or start with one contender; undefined where one went wrong. */
export interface Row<A> {
  readonly title: string
  readonly contender: string
  readonly rounds: ReadonlyArray<A | undefined>
}

/** Workloads: each cell the median of its rounds, each ratio that of the ratios within a round. */
export const workloads = (rows: ReadonlyArray<Row<Result>>, baseline: string): string => {
  const head = [
    "workload",
    "contender",
    "per s",
    "of raw",
    "CPU µs",
    "of raw",
    "p50 µs",
    "p99 µs",
    "server MiB",
    "client MiB"
  ]
  return markdown(
    head,
    rows.map(({ contender, rounds, title }) => {
      const raw = rows.find((row) => row.title === title && row.contender === baseline)?.rounds ?? []
      const of = (take: (result: Result) => number | undefined) =>
        short(median(rounds.map((round) => round && take(round))))
      const ratio = (take: (result: Result) => number) =>
        short(median(rounds.map((round, i) => {
          const against = raw[i]
          return round && against && take(round) / take(against)
        })))
      return [
        title,
        contender,
        of(({ perSecond }) => perSecond),
        ratio(({ perSecond }) => perSecond),
        of(({ cpuMicros }) => cpuMicros),
        ratio(({ cpuMicros }) => cpuMicros),
        of(({ p50 }) => p50),
        of(({ p99 }) => p99),
        of(({ serverRss }) => serverRss / mebibyte),
        of(({ clientRss }) => clientRss / mebibyte)
      ]
    })
  )
}

/** Starts: each cell the median of its rounds. */
export const starts = (rows: ReadonlyArray<Row<Start>>): string => {
  const head = ["start", "contender", "server ready ms", "first call ms", "server MiB, idle", "client MiB, idle"]
  return markdown(
    head,
    rows.map(({ contender, rounds, title }) => {
      const of = (take: (start: Start) => number) => short(median(rounds.map((round) => round && take(round))))
      return [
        title,
        contender,
        of(({ serverMillis }) => serverMillis),
        of(({ clientMillis }) => clientMillis),
        of(({ serverRss }) => serverRss / mebibyte),
        of(({ clientRss }) => clientRss / mebibyte)
      ]
    })
  )
}

/** What other processes did meanwhile, in a sentence. */
export const noise = (rows: ReadonlyArray<Row<Result>>): string => {
  const all = rows.flatMap(({ rounds }) => rounds.flatMap((round) => round === undefined ? [] : [round.noise]))
  return `Other processes used ${short(median(all))} cores in the median, ${short(Math.max(...all))} at worst.`
}

// ---------------------------------------------------------------------------------------------------------------------

const mebibyte = 1024 * 1024

/** Three digits that count: `1.23M`, `45.6k`, `789`, `0.012`; a dash for what there is not. */
const short = (value: number | undefined): string => {
  if (value === undefined || !Number.isFinite(value)) return "–"
  if (value >= 999_500) return `${digits(value / 1e6)}M`
  return value >= 9_995 ? `${digits(value / 1e3)}k` : digits(value)
}

const digits = (value: number): string => value.toFixed(value >= 99.5 ? 0 : value >= 9.95 ? 1 : value >= 0.0995 ? 2 : 3)

const median = (values: ReadonlyArray<number | undefined>): number | undefined => {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 || sorted.length === 0 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const textColumns = 2

/** The columns after the first two are numbers, and go to the right. */
const markdown = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)))
  const line = (cells: ReadonlyArray<string>) =>
    `| ${cells.map((cell, i) => i < textColumns ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join(" | ")} |`
  const rule = widths.map((width, i) => i < textColumns ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n")
}
