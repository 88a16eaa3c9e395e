/** One round of a contender: a process that publishes, and so many that subscribe. */
import { fork } from "node:child_process"
import { once } from "node:events"
import * as path from "node:path"
import type { Name, News } from "./contender.ts"

/** What a round has come to. */
export interface Result {
  readonly perSecond: number
  /** Of all processes but the server, for one event at one subscriber. */
  readonly cpuMicros: number
}

/** What is measured, and for how long. */
export interface Round {
  readonly name: Name
  readonly subscribers: number
  /** The address of what stands between them; empty where nothing does. */
  readonly server: string
  readonly warmEvents: number
  readonly millis: number
}

export const measure = async ({ millis, name, server, subscribers, warmEvents }: Round): Promise<Result> => {
  const listening = Array.from({ length: subscribers }, () => start(name, "subscribe", [server]))
  const children = [...listening]
  try {
    const facts = (await Promise.all(listening.map(heard))).map(({ facts }) => facts ?? "")
    children.push(start(name, "publish", [server, ...facts]))
    let before = await totals(children)
    // By events and not by time: on a busy machine it takes a while until all is compiled.
    for (let waits = 0; before.count < warmEvents * subscribers && waits < 25; waits++) {
      await pause(200)
      before = await totals(children)
    }
    await pause(millis)
    const after = await totals(children)
    const count = after.count - before.count
    return {
      perSecond: count / (after.time - before.time) * 1000,
      cpuMicros: (after.cpuMicros - before.cpuMicros) / count
    }
  } finally {
    for (const child of children) child.kill("SIGKILL")
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time))

const start = (name: Name, half: "subscribe" | "publish", facts: ReadonlyArray<string>) =>
  fork(path.join(import.meta.dirname, "child.ts"), [name, half, ...facts])

const heard = async (child: ReturnType<typeof start>): Promise<News> => {
  const over = new AbortController()
  const { signal } = over
  try {
    const [news] = await Promise.race([
      once(child, "message", { signal }),
      once(child, "exit", { signal }).then(([code]) => Promise.reject(new Error(`a child ended with ${code}`)))
    ])
    return news
  } finally {
    over.abort()
  }
}

interface Totals {
  readonly count: number
  readonly cpuMicros: number
  readonly time: number
}

/** What all processes together have come to so far. */
const totals = async (children: ReadonlyArray<ReturnType<typeof start>>): Promise<Totals> => {
  const answers = children.map(heard)
  for (const child of children) child.send("report")
  const all = await Promise.all(answers)
  return {
    count: all.reduce((sum, { count }) => sum + count, 0),
    cpuMicros: all.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0),
    time: performance.now()
  }
}
