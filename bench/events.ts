/**
 * Measures events from one publisher to one and to four subscribers: `npm run bench:events [-- --smoke]
 * [-- --only=raw-frames,http-broker]`, in events delivered a second, all subscribers together, and the CPU
 * that each costs all processes.
 *
 * Each is a process of its own. The contenders take turns, so that a ratio is one of the same minute; of the rounds the
 * median counts. Events are small, written as JSON; only the brokers of this package check what they write and read.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import * as os from "node:os"
import * as path from "node:path"
import { type Name, names, type News } from "./lib/events/contender.ts"

const smoke = process.argv.includes("--smoke")
const only = process.argv.find((flag) => flag.startsWith("--only="))?.slice("--only=".length).split(",")
const rounds = smoke ? 1 : 5
const warmEvents = smoke ? 1000 : 300_000
const millis = smoke ? 200 : 2000
const chosen = names.filter((name) => only?.includes(name) ?? true)

const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time))

const start = (name: Name, half: "subscribe" | "publish", facts: ReadonlyArray<string>) =>
  fork(path.join(import.meta.dirname, "lib/events/child.ts"), [name, half, ...facts])

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

interface Totals {
  readonly count: number
  readonly cpuMicros: number
  readonly time: number
}

/** One round of a contender. */
interface Result {
  readonly perSecond: number
  /** Of all processes, for one event at one subscriber. */
  readonly cpuMicros: number
}

const measure = async (name: Name, subscribers: number): Promise<Result> => {
  const listening = Array.from({ length: subscribers }, () => start(name, "subscribe", []))
  const children = [...listening]
  try {
    const facts = (await Promise.all(listening.map(heard))).map(({ facts }) => facts ?? "")
    children.push(start(name, "publish", facts))
    let before = await totals(children)
    // By events and not by time: on a busy machine it takes a while until all is compiled.
    for (let waits = 0; before.count < warmEvents * subscribers && waits < 100; waits++) {
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

const median = (list: ReadonlyArray<number>): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0

const [cpu] = os.cpus()
console.log(`Node ${process.versions.node}, ${os.cpus().length} × ${cpu?.model.trim()}, median of ${rounds} rounds`)
for (const subscribers of [1, 4]) {
  const results = new Map(chosen.map((name) => [name, new Array<Result>()]))
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? chosen : chosen.toReversed()) {
      results.get(name)!.push(await measure(name, subscribers))
    }
  }
  console.log(`\n| to ${subscribers} | events a second | × raw frames | CPU µs an event | × raw frames |`)
  console.log("| --- | ---: | ---: | ---: | ---: |")
  const both = (name: Name) => {
    const list = results.get(name) ?? []
    return [median(list.map(({ perSecond }) => perSecond)), median(list.map(({ cpuMicros }) => cpuMicros))] as const
  }
  const raw = both("raw-frames")
  for (const name of chosen) {
    const [perSecond, micros] = both(name)
    const ratios = [perSecond / raw[0], micros / raw[1]].map((ratio) => ratio.toFixed(2))
    console.log(`| ${[name, perSecond.toFixed(0), ratios[0], micros.toFixed(2), ratios[1]].join(" | ")} |`)
  }
}
