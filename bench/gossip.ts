/**
 * Measures gossip: `npm run bench:gossip [-- --smoke] [-- --most=1000] [-- --seeds=1,2,3] [-- --only=real]`.
 *
 * The shipped core runs on virtual time, every packet written and read as on a wire; sockets there are none. The same seeds
 * give the same table, but for its last lines, which are of the machine: how long the loop stands still, and what thirty
 * real members do, where networks of their own and agents of Serf are to be had. Exits with 1 where a goal is missed.
 */
import * as Effect from "effect/Effect"
import * as Blocks from "./gossip/blocks.ts"
import * as Detection from "./gossip/detection.ts"
import * as Dissemination from "./gossip/dissemination.ts"
import type { Row } from "./gossip/figures.ts"
import * as Idle from "./gossip/idle.ts"
import * as Lifeguard from "./gossip/lifeguard.ts"
import * as Partition from "./gossip/partition.ts"
import * as Real from "./gossip/real.ts"

const option = (name: string): string | undefined =>
  process.argv.find((argument) => argument.startsWith(`--${name}=`))?.split("=")[1]

const smoke = process.argv.includes("--smoke")
const most = Number(option("most") ?? (smoke ? 100 : 10_000))
const seeds = (option("seeds") ?? (smoke ? "1,2" : "1,2,3,4,5,6,7,8,9")).split(",").map(Number)

/** Fewer seeds where a run is long. */
const seedsOf = (members: number): ReadonlyArray<number> => seeds.slice(0, members >= 10_000 ? 3 : seeds.length)

const sizes = [[100, 750, 1000], [1000, 1100, 1450], [10_000, 1450, 1900]] as const

const simulated: ReadonlyArray<() => ReadonlyArray<Row>> = [
  ...sizes.flatMap(([members, whole, lossy]) =>
    members > most ? [] : [
      () => [Dissemination.row("change", members, 0, whole, seedsOf(members))],
      () => [Dissemination.row("change", members, 0.25, lossy, seedsOf(members))],
      () => [Dissemination.row("record", members, 0, whole / 2, seedsOf(members))],
      () => [Dissemination.row("record", members, 0.25, lossy / 2, seedsOf(members))],
      () => [Detection.row(members, seedsOf(members))],
      () => [Idle.row(members, 10, seeds[0]!)]
    ]
  ),
  () =>
    Lifeguard.rows(
      smoke
        ? { members: 32, blocked: [8], spells: [8000], seconds: 60, seeds: seeds.slice(0, 1) }
        : {
          members: 128,
          blocked: [1, 4, 16, 32],
          spells: [128, 2000, 8000, 32_000],
          seconds: 60,
          seeds: seeds.slice(0, 1)
        },
      seeds
    ),
  () => [Partition.row(30, 60, seeds)],
  () => [Blocks.row(most)]
]

const real = () => Effect.runPromise(Real.rows(smoke ? 6 : 30, smoke ? 5 : 30))

const start = performance.now()
console.log(`Preset for a data centre, seeds ${seeds.join(", ")}\n`)
console.log("| what | members | measured | goal | met |")
console.log("| --- | ---: | --- | --- | --- |")
for (const scenario of [...option("only") === "real" ? [] : simulated, real]) {
  for (const { goal, isMet, measured, members, what } of await scenario()) {
    console.log(`| ${what} | ${members} | ${measured} | ${goal} | ${isMet ? "yes" : "no"} |`)
    if (!isMet) process.exitCode = 1
  }
}
console.log(`\nTook ${((performance.now() - start) / 1000).toFixed(0)} s`)
