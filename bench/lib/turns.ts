/**
 * Contenders in turns: all of them once a round, in changing order, so that a ratio is one of the same minute.
 */
import type { Discovery, Entry } from "./contender.ts"
import type { Plan } from "./plan.ts"
import type { Row } from "./report.ts"
import * as Run from "./run.ts"
import { title, type Workload } from "./workload.ts"

/** Workloads that each of some contenders does in processes of its own, as far as it can. */
export interface Group {
  /** Before the titles of its workloads; empty where nothing is to be told apart. */
  readonly title: string
  readonly workloads: ReadonlyArray<Workload>
  /** The first is what the others are compared with. */
  readonly contenders: ReadonlyArray<Entry>
}

/** The program of a contender's processes. */
export type Program = (entry: Entry) => string

/** Measures every group; the rows of each are together. */
export const measure = async (
  program: Program,
  groups: ReadonlyArray<Group>,
  plan: Plan
): Promise<ReadonlyArray<Row<Run.Result>>> => {
  const runs = groups.flatMap((group) =>
    group.contenders.map((entry) => ({
      group,
      entry,
      workloads: group.workloads.filter(({ kind }) => entry.kinds.includes(kind)),
      rounds: new Array<ReadonlyArray<Run.Result> | undefined>()
    }))
  )
  await inTurns(runs, plan.rounds, plan.limitMillis, async ({ entry, group, rounds, workloads }, round) => {
    const what = `${round}: ${entry.name}: ${group.title}${workloads.map(title).join("; ")}`
    rounds.push(await attempt(what, () => Run.workloads(program(entry), entry, workloads, plan)))
  })
  return groups.flatMap((group) =>
    group.workloads.flatMap((workload) =>
      runs.filter((run) => run.group === group && run.workloads.includes(workload)).map(
        ({ entry, rounds, workloads }) => ({
          title: group.title + title(workload),
          contender: entry.name,
          rounds: rounds.map((results) => results?.[workloads.indexOf(workload)])
        })
      )
    )
  )
}

/** Who starts, and how. */
export interface Starter {
  readonly title: string
  readonly entry: Entry
  readonly discovery: Discovery
}

/** Measures starts: both processes, until the first call was answered. */
export const start = async (
  program: Program,
  starters: ReadonlyArray<Starter>,
  plan: Plan
): Promise<ReadonlyArray<Row<Run.Start>>> => {
  const runs = starters.map((starter) => ({ ...starter, rounds: new Array<Run.Start | undefined>() }))
  await inTurns(runs, plan.starts, plan.limitMillis, async ({ discovery, entry, rounds, title }, round) => {
    const what = `${round}: ${entry.name} starts, ${title}`
    rounds.push(await attempt(what, () => Run.start(program(entry), entry, discovery, plan.idleMillis)))
  })
  return runs.map(({ entry, rounds, title }) => ({ title, contender: entry.name, rounds }))
}

// ---------------------------------------------------------------------------------------------------------------------

const inTurns = async <A>(
  list: ReadonlyArray<A>,
  rounds: number,
  limitMillis: number,
  each: (one: A, round: string) => Promise<void>
): Promise<void> => {
  const began = performance.now()
  for (let round = 0; round < rounds; round++) {
    const gone = performance.now() - began
    if (round > 0 && gone + gone / round > limitMillis) return
    for (const one of shuffled(list, round)) await each(one, `round ${round + 1} of ${rounds}`)
  }
}

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
