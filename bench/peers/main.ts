/**
 * The library beside its peers: calls per second, the CPU they cost, how long they take, and starts, in one table each.
 *
 * `npm run bench:peers [-- --quick | --smoke] [-- --only=raw-frames,effect-micro,nestjs-tcp]`. What a row compares ran in
 * turns within the same minutes. A contender that fails is a row that says so. `--write` puts the short tables into
 * `docs/performance.md`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import type { Entry } from "../lib/contender.ts"
import * as Plan from "../lib/plan.ts"
import * as Report from "../lib/report.ts"
import { stage } from "../lib/stage.ts"
import * as Turns from "../lib/turns.ts"
import { title } from "../lib/workload.ts"
import { bundle } from "./bundle.ts"
import { bundled, entries, groups, isOurs, isPeer, starters } from "./contenders.ts"
import * as Figures from "./figures.ts"

const minute = 60_000

/** Of all starts together, after the first round of them. */
const startsMillis = minute

const flags = process.argv.slice(2)
const plan: Plan.Plan = flags.includes("--smoke")
  ? Plan.smoke
  : flags.includes("--quick")
  ? { ...Plan.quick, rounds: 2, starts: 3, limitMillis: 6.5 * minute, firstMillis: 1500, warmMillis: 150, repeats: 0 }
  : Plan.full
const only = flags.find((flag) => flag.startsWith("--only="))?.slice("--only=".length).split(",")
const chosen = (list: ReadonlyArray<Entry>) => list.filter(({ name }) => only?.includes(name) ?? true)

const root = path.join(import.meta.dirname, "../..")
const child = stage(root, { folder: ".cache/bench-peers", entries })
const staged = path.join(path.dirname(child), "../..")
fs.symlinkSync(path.join(import.meta.dirname, "node_modules"), path.join(staged, "bench/peers/node_modules"))

/** The same entries again, which other programs run. */
const bundles = new Map<Entry, string>()
for (const entry of chosen(bundled)) {
  try {
    bundles.set({ ...entry }, await bundle(staged, entry))
  } catch (error) {
    process.exitCode = 1
    console.error(error)
  }
}
const program = (entry: Entry) => bundles.get(entry) ?? child

const started = await Turns.start(
  program,
  [
    ...chosen(starters).map((entry) => ({ title: "from node_modules", entry, discovery: "static" as const })),
    ...[...bundles.keys()].map((entry) => ({ title: "bundled", entry, discovery: "static" as const }))
  ],
  { ...plan, limitMillis: plan === Plan.full ? plan.limitMillis : startsMillis }
)
const measured = await Turns.measure(
  program,
  groups.map((group) => ({ ...group, contenders: chosen(group.contenders) })),
  plan
)
const raw = new Map(
  groups.flatMap((group) =>
    group.workloads.map((workload) => [group.title + title(workload), group.contenders[0].name])
  )
)
const rawOf = (title: string) => raw.get(title)!
console.log(`\n${Report.workloads(measured, rawOf, isPeer)}`)

const figures = [
  `${Report.machine(plan)}, ${new Date().toISOString().slice(0, 10)}. ${Report.noise(measured)}`,
  Report.summary(measured, rawOf, isOurs, isPeer),
  Report.starts(started)
].join("\n\n")
console.log(`\n${figures}`)
if (flags.includes("--write")) Figures.write(path.join(root, "docs/performance.md"), figures)
