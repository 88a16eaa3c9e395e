/**
 * A contender's process, as its parent sees it.
 */
import { type ChildProcess, fork } from "node:child_process"
import type { Discovery, Entry } from "./contender.ts"
import type { News, Question, Usage } from "./half.ts"
import type { Workload } from "./workload.ts"

/** A running process that said it is ready. */
export interface Peer {
  readonly address: string
  /** From the start of the process until it listened, or its first call was answered. */
  readonly readyMillis: number
  readonly usage: () => Promise<Usage>
  readonly drive: (question: Drive) => Driving
  readonly kill: () => void
}

/** What to drive, and for how long. */
export interface Drive {
  readonly workload: Workload
  readonly warmMillis: number
  readonly millis: number
}

/** What a drive tells as it goes; ask for them in this order. */
export interface Driving {
  readonly opened: () => Promise<Usage>
  readonly closed: () => Promise<Usage>
  readonly measured: () => Promise<(News & { told: "measured" })["reading"]>
}

/** A process that keeps silent for longer is stuck. */
const patienceMillis = 30_000

/** Starts the serving half of a contender; `program` is the compiled `child.ts`. */
export const serve = (program: string, entry: Entry, discovery: Discovery): Promise<Peer> =>
  start(program, [entry.module, "serve", discovery])

/** Starts the calling half, which makes its first call at once. */
export const connect = (program: string, entry: Entry, discovery: Discovery, address: string): Promise<Peer> =>
  start(program, [entry.module, "connect", discovery, address])

// ---------------------------------------------------------------------------------------------------------------------

const start = async (program: string, args: ReadonlyArray<string>): Promise<Peer> => {
  const started = performance.now()
  const child = fork(program, args, { execArgv: [] })
  const next = mailbox(child, args.join(" "))
  const { address } = await next("ready")
  const ask = (question: Question) => child.send(question)
  return {
    address,
    readyMillis: performance.now() - started,
    usage: async () => {
      ask({ ask: "usage" })
      return (await next("usage")).usage
    },
    drive: (drive) => {
      ask({ ask: "drive", ...drive })
      return {
        opened: async () => (await next("opened")).usage,
        closed: async () => (await next("closed")).usage,
        measured: async () => (await next("measured")).reading
      }
    },
    kill: () => void child.kill("SIGKILL")
  }
}

/** The child's news, in order; taking the next one fails when the child is gone, stuck, or tells something else. */
const mailbox = (child: ChildProcess, who: string) => {
  const arrived: Array<News> = []
  let problem: string | undefined
  let wake = () => {}
  child.on("message", (news) => {
    arrived.push(news as News)
    wake()
  })
  child.on("exit", (code, signal) => {
    problem = `${who} is gone: ${signal ?? code}`
    wake()
  })
  return async <T extends News["told"]>(told: T): Promise<News & { told: T }> => {
    const timer = setTimeout(() => {
      problem = `${who} did not tell "${told}" within ${patienceMillis} ms`
      child.kill("SIGKILL")
      wake()
    }, patienceMillis)
    while (arrived.length === 0 && problem === undefined) await new Promise<void>((resolve) => void (wake = resolve))
    clearTimeout(timer)
    const news = arrived.shift()
    if (news?.told !== told) throw new Error(problem ?? `${who} told "${news?.told}" instead of "${told}"`)
    return news as News & { told: T }
  }
}
