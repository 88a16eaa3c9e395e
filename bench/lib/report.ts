/**
 * What came out, as tables in markdown.
 */
import * as os from "node:os"
import type { Plan } from "./plan.ts"
import type { Result, Start } from "./run.ts"

/** The rounds of one workload or start with one contender; undefined where one went wrong. */
export interface Row<A> {
  readonly title: string
  readonly contender: string
  readonly rounds: ReadonlyArray<A | undefined>
}

/** Where it was measured, and by which plan. */
export const machine = ({ name }: Plan): string => {
  const cores = os.cpus()
  return `Node ${process.versions.node}, ${cores.length} × ${cores[0]?.model.trim()}, ${name}`
}

/**
 * Workloads: each cell the median of its rounds, each ratio that of the ratios within a round.
 *
 * `rawOf` tells what the rows of a title are compared with; where `isPeer` tells the peers, also with the fastest of them.
 */
export const workloads = (
  rows: ReadonlyArray<Row<Result>>,
  rawOf: (title: string) => string,
  isPeer?: (contender: string) => boolean
): string => {
  const head = [
    "workload",
    "contender",
    "per s",
    "of raw",
    ...(isPeer === undefined ? [] : ["of best peer"]),
    "CPU µs",
    "of raw",
    "server µs",
    "client µs",
    "p50 µs",
    "p99 µs",
    "server MiB",
    "client MiB"
  ]
  return markdown(
    head,
    rows.map((row) => workload(row, rows.filter(({ title }) => title === row.title), rawOf, isPeer))
  )
}

/** Of each workload what is ours, beside raw, the fastest peer and gRPC's own library. */
export const summary = (
  rows: ReadonlyArray<Row<Result>>,
  rawOf: (title: string) => string,
  isOurs: (contender: string) => boolean,
  isPeer: (contender: string) => boolean
): string =>
  markdown(
    ["workload", "ours", "of raw", "CPU of raw", "p99 of raw", "best peer", "of best peer", "CPU of its", "of grpc-js"],
    rows.filter(({ contender }) => isOurs(contender)).map((row) => {
      const group = rows.filter(({ title }) => title === row.title)
      const raw = group.find(({ contender }) => contender === rawOf(row.title))
      const best = fastest(group.filter(({ contender }) => isPeer(contender)))
      return [
        row.title,
        row.contender,
        orFailed(row, ratio(row, raw, speed)),
        ratio(row, raw, cpu),
        ratio(row, raw, ({ p99 }) => p99 ?? NaN),
        best?.contender ?? "–",
        ratio(row, best, speed),
        ratio(row, best, cpu),
        ratio(row, group.find(({ contender }) => contender === "grpc-js"), speed)
      ]
    })
  )

/** Starts: each cell the median of its rounds. The first row is what the sums are compared with. */
export const starts = (rows: ReadonlyArray<Row<Start>>): string => {
  const head = [
    "start",
    "contender",
    "server ready ms",
    "first call ms",
    "sum ms",
    "of first row",
    "server MiB, idle",
    "client MiB, idle"
  ]
  const sum = ({ clientMillis, serverMillis }: Start) => serverMillis + clientMillis
  return markdown(
    head,
    rows.map((row) => {
      const of = cell(row)
      return [
        row.title,
        row.contender,
        orFailed(row, of(({ serverMillis }) => serverMillis)),
        of(({ clientMillis }) => clientMillis),
        of(sum),
        ratio(row, rows[0], sum),
        of(({ serverRss }) => serverRss / mebibyte),
        of(({ clientRss }) => clientRss / mebibyte)
      ]
    })
  )
}

/** How often everything was measured, and what other processes did meanwhile. */
export const noise = (rows: ReadonlyArray<Row<Result>>): string => {
  const all = rows.flatMap(({ rounds }) => rounds.flatMap((round) => round === undefined ? [] : [round.noise]))
  if (all.length === 0) return "Nothing was measured."
  const rounds = Math.max(...rows.map((row) => row.rounds.length))
  const [usual, worst] = [short(median(all)), short(Math.max(...all))]
  return `Rounds: ${rounds}. Other processes used ${usual} cores in the median, ${worst} at worst.`
}

// ---------------------------------------------------------------------------------------------------------------------

const mebibyte = 1024 * 1024

const speed = ({ perSecond }: Result) => perSecond
const cpu = ({ clientCpu, serverCpu }: Result) => clientCpu + serverCpu

const workload = (
  row: Row<Result>,
  group: ReadonlyArray<Row<Result>>,
  rawOf: (title: string) => string,
  isPeer: ((contender: string) => boolean) | undefined
): ReadonlyArray<string> => {
  const raw = group.find(({ contender }) => contender === rawOf(row.title))
  const of = cell(row)
  return [
    row.title,
    row.contender,
    orFailed(row, of(speed)),
    ratio(row, raw, speed),
    ...(isPeer === undefined ? [] : [ratio(row, fastest(group.filter(({ contender }) => isPeer(contender))), speed)]),
    of(cpu),
    ratio(row, raw, cpu),
    of(({ serverCpu }) => serverCpu),
    of(({ clientCpu }) => clientCpu),
    of(({ p50 }) => p50),
    of(({ p99 }) => p99),
    of(({ serverRss }) => serverRss / mebibyte),
    of(({ clientRss }) => clientRss / mebibyte)
  ]
}

/** Medians of what the rounds came to. */
const cell = <A>({ rounds }: Row<A>) => (take: (result: A) => number | undefined): string =>
  short(median(rounds.map((round) => round && take(round))))

const orFailed = <A>({ rounds }: Row<A>, text: string): string =>
  rounds.every((round) => round === undefined) ? "failed" : text

/** Of the ratios within a round, the median. */
const ratio = <A>({ rounds }: Row<A>, of: Row<A> | undefined, take: (result: A) => number): string =>
  short(median(rounds.map((round, i) => {
    const against = of?.rounds[i]
    return round && against && take(round) / take(against)
  })))

const fastest = (rows: ReadonlyArray<Row<Result>>): Row<Result> | undefined => {
  const usual = ({ rounds }: Row<Result>) => median(rounds.map((round) => round && speed(round))) ?? 0
  return rows.toSorted((a, b) => usual(b) - usual(a))[0]
}

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
