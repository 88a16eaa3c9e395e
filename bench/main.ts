/**
 * Measures calls per second, the CPU they cost and how long they take, against what Node can do without a library.
 *
 * `npm run bench [-- --quick | --smoke] [-- --only=raw-frames,effect-micro]`. Server and client are processes of their
 * own; all contenders take turns in changing order, so that a ratio is one of the same minute. CPU a call depends least
 * on what else the machine does: trust it most.
 */
import { contenders } from "./lib/contender.ts"
import * as Plan from "./lib/plan.ts"
import * as Report from "./lib/report.ts"
import { stage } from "./lib/stage.ts"
import * as Turns from "./lib/turns.ts"

const flags = process.argv.slice(2)
const plan = flags.includes("--smoke") ? Plan.smoke : flags.includes("--quick") ? Plan.quick : Plan.full
const only = flags.find((flag) => flag.startsWith("--only="))?.slice("--only=".length).split(",")
const chosen = contenders.filter(({ name }) => only?.includes(name) ?? true)

const groups = [Plan.groups.unary, Plan.groups.streams].map((workloads) => ({
  title: "",
  workloads,
  contenders: chosen.filter(({ kinds }) => workloads.some(({ kind }) => kinds.includes(kind)))
}))

const starters = [
  ...chosen.map((entry) => ({ title: "static", entry, discovery: "static" as const })),
  ...chosen.filter(({ name }) => name === "effect-micro")
    .map((entry) => ({ title: "mdns", entry, discovery: "mdns" as const }))
]

const child = stage(process.cwd())
const program = () => child
console.log(Report.machine(plan))
const measured = await Turns.measure(program, groups, plan)
console.log(`\n${Report.workloads(measured, () => contenders[0].name)}\n\n${Report.noise(measured)}`)
console.log(`\n${Report.starts(await Turns.start(program, starters, plan))}`)
