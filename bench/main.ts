/**
 * Measures calls per second, the CPU they cost and how long they take, against what Node can do without a library.
 *
 * `npm run bench [-- --quick | --smoke] [-- --only=effect-micro,raw-frames]`. Ratios come from one run; rounds are
 * interleaved in changing order; a cell is the median of its rounds. CPU a call depends least on what else the machine
 * does: trust it most.
 */
import * as os from "node:os"
import { contenders, type Discovery, type Name, names } from "./lib/contender.ts"
import * as Run from "./lib/run.ts"
import { stage } from "./lib/stage.ts"
import { markdown, median, short } from "./lib/table.ts"
import { title, type Workload } from "./lib/workload.ts"

interface Plan extends Run.Timing {
  readonly rounds: number
  readonly starts: number
  readonly workloads: ReadonlyArray<Workload>
}

const unary = (callers: number): Workload => ({ kind: "unary", callers })
const stream = (callers: number, chunked: boolean): Workload => ({ kind: "stream", callers, chunked, length: 10_000 })
const pingpong: Workload = { kind: "pingpong", callers: 64 }

const all = [
  ...[1, 16, 64, 256].map(unary),
  ...[1, 100].flatMap((callers) => [stream(callers, true), stream(callers, false)]),
  pingpong
]

const plans: Readonly<Record<string, Plan>> = {
  full: { rounds: 5, starts: 5, warmMillis: 1000, millis: 1000, workloads: all },
  quick: { rounds: 3, starts: 3, warmMillis: 600, millis: 500, workloads: all },
  // Says whether everything runs, and nothing about how fast.
  smoke: { rounds: 1, starts: 1, warmMillis: 50, millis: 150, workloads: [unary(64), stream(1, true), pingpong] }
}

/** More noise than this many cores, and a run is repeated. */
const noiseLimit = 0.2
const repeats = 2

const flags = process.argv.slice(2)
const mode = flags.includes("--smoke") ? "smoke" : flags.includes("--quick") ? "quick" : "full"
const plan = plans[mode]
const only = flags.find((flag) => flag.startsWith("--only="))?.slice("--only=".length).split(",")
const chosen = names.filter((name) => only?.includes(name) ?? true)

const able = (name: Name, workload: Workload): boolean => workload.kind === "unary" || contenders[name].streams

/** The names, in another order each round, so that nobody always follows the same one. */
const shuffled = (round: number): ReadonlyArray<Name> => {
  const turned = [...chosen.slice(round % chosen.length), ...chosen.slice(0, round % chosen.length)]
  return round % 2 === 0 ? turned : turned.toReversed()
}

const progress = (text: string) => process.stderr.write(`${text}\n`)

const quietly = async (name: Name, workload: Workload): Promise<Run.Result> => {
  let best = await Run.workload(program, name, workload, plan)
  for (let i = 0; i < repeats && best.noise > noiseLimit && mode !== "smoke"; i++) {
    const again = await Run.workload(program, name, workload, plan)
    if (again.noise < best.noise) best = again
  }
  return best
}

const mebibytes = (bytes: number | undefined) => bytes === undefined ? undefined : bytes / 1024 / 1024

const workloads = async (): Promise<void> => {
  const results = new Map<string, Array<Run.Result>>()
  const keyOf = (workload: Workload, name: Name) => `${title(workload)}/${name}`
  for (let round = 0; round < plan.rounds; round++) {
    for (const workload of plan.workloads) {
      for (const name of shuffled(round).filter((name) => able(name, workload))) {
        progress(`round ${round + 1} of ${plan.rounds}: ${title(workload)}: ${name}`)
        const key = keyOf(workload, name)
        results.set(key, [...results.get(key) ?? [], await quietly(name, workload)])
      }
    }
  }
  const rows = plan.workloads.flatMap((workload) =>
    chosen.filter((name) => able(name, workload)).map((name) => {
      const runs = results.get(keyOf(workload, name)) ?? []
      const raw = results.get(keyOf(workload, names[0])) ?? []
      const of = (take: (result: Run.Result) => number | undefined, from = runs) =>
        median(from.flatMap((run) => take(run) ?? []))
      const ratio = (take: (result: Run.Result) => number) => (of(take) ?? NaN) / (of(take, raw) ?? NaN)
      return [
        title(workload),
        name,
        short(of((run) => run.perSecond)),
        short(ratio((run) => run.perSecond)),
        short(of((run) => run.cpuMicros)),
        short(ratio((run) => run.cpuMicros)),
        short(of((run) => run.p50)),
        short(of((run) => run.p99)),
        short(mebibytes(of((run) => run.serverRss))),
        short(mebibytes(of((run) => run.clientRss)))
      ]
    })
  )
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
  console.log(`\n${markdown(head, rows)}\n`)
  const noise = [...results.values()].flat().map((run) => run.noise)
  console.log(
    `Other processes used ${short(median(noise))} cores in the median, ${short(Math.max(...noise))} at worst.`
  )
}

const starts = async (): Promise<void> => {
  const pairs = chosen.flatMap((name): ReadonlyArray<readonly [Name, Discovery]> =>
    name === "effect-micro" ? [[name, "static"], [name, "mdns"]] : [[name, "static"]]
  )
  const runs = new Map(pairs.map((pair) => [pair, new Array<Run.Start>()]))
  for (let round = 0; round < plan.starts; round++) {
    for (const [pair, of] of runs) {
      progress(`start ${round + 1} of ${plan.starts}: ${pair.join(" over ")}`)
      of.push(await Run.start(program, ...pair, mode === "smoke" ? 0 : 500))
    }
  }
  const rows = [...runs].map(([[name, discovery], of]) => [
    "start",
    name === "effect-micro" ? `${name}, ${discovery}` : name,
    short(median(of.map((run) => run.serverMillis))),
    short(median(of.map((run) => run.clientMillis))),
    short(mebibytes(median(of.map((run) => run.serverRss)))),
    short(mebibytes(median(of.map((run) => run.clientRss))))
  ])
  const head = ["workload", "contender", "server ready ms", "first call ms", "server MiB, idle", "client MiB, idle"]
  console.log(`\n${markdown(head, rows)}`)
}

const program = stage(process.cwd())
const [cpu] = os.cpus()
console.log(
  `Node ${process.versions.node}, ${os.cpus().length} × ${cpu?.model.trim()}, ${mode}: medians of ${plan.rounds}`
)
await workloads()
await starts()
