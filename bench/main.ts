/**
 * Measures calls per second, the CPU they cost and how long they take, against what Node can do without a library.
 *
 * `npm run bench [-- --quick | --smoke] [-- --only=raw-frames,effect-micro]`. Server and client are processes of their
 * own; all contenders take turns in changing order, so that a ratio is one of the same minute. CPU a call depends least
 * on what else the machine does: trust it most.
 */
import * as os from "node:os"
import { contenders, type Discovery, type Name, names } from "./lib/contender.ts"
import * as Plan from "./lib/plan.ts"
import * as Report from "./lib/report.ts"
import * as Run from "./lib/run.ts"
import { stage } from "./lib/stage.ts"
import { title, type Workload } from "./lib/workload.ts"

const flags = process.argv.slice(2)
const plan = flags.includes("--smoke") ? Plan.smoke : flags.includes("--quick") ? Plan.quick : Plan.full
const only = flags.find((flag) => flag.startsWith("--only="))?.slice("--only=".length).split(",")
const chosen = names.filter((name) => only?.includes(name) ?? true)

/** Others go on when one fails; the exit code tells. */
const attempt = async <A>(what: string, run: () => Promise<A>): Promise<A | undefined> => {
  process.stderr.write(`${what}\n`)
  try {
    return await run()
  } catch (error) {
    process.exitCode = 1
    console.error(error)
    return undefined
  }
}

/** Turned by one each round, and each second round backwards: nobody always follows the same one. */
const shuffled = <A>(list: ReadonlyArray<A>, round: number): ReadonlyArray<A> => {
  const first = round % list.length
  const turned = [...list.slice(first), ...list.slice(0, first)]
  return round % 2 === 0 ? turned : turned.toReversed()
}

const able = (name: Name, workloads: ReadonlyArray<Workload>): boolean =>
  contenders[name].streams || workloads.every(({ kind }) => kind === "unary")

const measure = async (): Promise<ReadonlyArray<Report.Row<Run.Result>>> => {
  const runs = Plan.groups.flatMap((group) =>
    chosen.filter((name) => able(name, group)).map((name) => ({
      group,
      name,
      rounds: new Array<ReadonlyArray<Run.Result> | undefined>()
    }))
  )
  for (let round = 0; round < plan.rounds; round++) {
    for (const { group, name, rounds } of shuffled(runs, round)) {
      const what = `round ${round + 1} of ${plan.rounds}: ${name}: ${group.map(title).join("; ")}`
      rounds.push(await attempt(what, () => Run.workloads(program, name, group, plan)))
    }
  }
  return Plan.groups.flatMap((group) =>
    group.flatMap((workload, i) =>
      runs.filter((run) => run.group === group).map(({ name, rounds }) => ({
        title: title(workload),
        contender: name,
        rounds: rounds.map((results) => results?.[i])
      }))
    )
  )
}

const starts = async (): Promise<ReadonlyArray<Report.Row<Run.Start>>> => {
  const runs = chosen.flatMap((name) =>
    (name === "effect-micro" ? ["static", "mdns"] as const : ["static"] as const).map((discovery: Discovery) => ({
      title: discovery,
      contender: name,
      rounds: new Array<Run.Start | undefined>()
    }))
  )
  for (let round = 0; round < plan.starts; round++) {
    for (const { contender, rounds, title } of shuffled(runs, round)) {
      const what = `start ${round + 1} of ${plan.starts}: ${contender}, ${title}`
      rounds.push(await attempt(what, () => Run.start(program, contender, title, plan.idleMillis)))
    }
  }
  return runs
}

const program = stage(process.cwd())
const cores = os.cpus()
console.log(
  `Node ${process.versions.node}, ${cores.length} × ${cores[0]?.model.trim()}, ${plan.name}, rounds: ${plan.rounds}`
)
const measured = await measure()
console.log(`\n${Report.workloads(measured, names[0])}\n\n${Report.noise(measured)}`)
console.log(`\n${Report.starts(await starts())}`)
