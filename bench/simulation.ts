/**
 * Simulates selection under faults: `npm run bench:simulate [-- --smoke] [-- --seconds=60] [-- --seeds=1,2,3]`.
 *
 * The shipped client code (selectors, ejection, retries with their budget, throttle) runs on virtual time against modelled
 * servers. The same seeds give the same tables. `ideal` knows every queue and speed, and is what nobody reaches.
 */
import type * as Cell from "./simulation/cell.ts"
import { run } from "./simulation/cell.ts"
import { contenders } from "./simulation/contenders.ts"
import { workloads } from "./simulation/workloads.ts"

const option = (name: string): string | undefined =>
  process.argv.find((argument) => argument.startsWith(`--${name}=`))?.split("=")[1]

const smoke = process.argv.includes("--smoke")
const seconds = Number(option("seconds") ?? (smoke ? 5 : 40))
const seeds = (option("seeds") ?? (smoke ? "1" : "101,102")).split(",").map(Number)
const counts = smoke ? [3] : [1, 10, 30]

const quantile = (sorted: ReadonlyArray<number>, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN

interface Row {
  readonly times: string
  readonly errors: string
  readonly attempts: string
  readonly imbalance: string
}

const row = (results: ReadonlyArray<Cell.Result>): Row => {
  const latencies = results.flatMap(({ latencies }) => latencies).toSorted((a, b) => a - b)
  const failed = results.reduce((sum, { failed }) => sum + failed, 0)
  const attempts = results.reduce((sum, { attempts }) => sum + attempts, 0)
  const imbalance = results.flatMap(({ imbalance }) => imbalance)
  const share = 100 * failed / latencies.length
  return {
    times: [0.5, 0.99, 0.999].map((part) => quantile(latencies, part).toFixed(0)).join(" / "),
    errors: failed === 0 ? "" : ` (${share < 0.1 ? share.toFixed(3) : share.toFixed(1)} %)`,
    attempts: (attempts / latencies.length).toFixed(2),
    imbalance: (imbalance.reduce((sum, each) => sum + each, 0) / imbalance.length).toFixed(1)
  }
}

const print = (title: string, rows: ReadonlyArray<readonly [string, ReadonlyArray<string>]>) => {
  console.log(`\n| ${[title, ...contenders.map(({ name }) => name)].join(" | ")} |`)
  console.log(`| --- |${" ---: |".repeat(contenders.length)}`)
  for (const [name, cells] of rows) console.log(`| ${[name, ...cells].join(" | ")} |`)
}

const start = performance.now()
console.log(`Seeds ${seeds.join(", ")}; ${seconds} s each, calls of 10 ms, deadline 1 s`)
for (const clients of counts) {
  const table = workloads.map((workload) => {
    const cells = contenders.map((contender) =>
      row(seeds.map((seed) => run(workload, contender, clients, seed, seconds)))
    )
    return [workload.name, cells] as const
  })
  const column = (of: (row: Row) => string) => table.map(([name, cells]) => [name, cells.map(of)] as const)
  print(`${clients} clients: p50 / p99 / p99.9 ms (errors)`, column(({ errors, times }) => times + errors))
  print(`${clients} clients: attempts a call`, column(({ attempts }) => attempts))
  print(`${clients} clients: longest queue / average`, column(({ imbalance }) => imbalance))
}
console.log(`\nTook ${((performance.now() - start) / 1000).toFixed(0)} s`)
