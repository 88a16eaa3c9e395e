/**
 * Measures events from one publisher to subscribers: `npm run bench:events [-- --smoke] [-- --only=raw-frames,http-broker]`,
 * in events delivered a second, all subscribers together, and the CPU that each costs all processes but the server.
 *
 * Each is a process of its own. The contenders of a table take turns, each with a server of its own for the round, so that a
 * ratio to the first of them is one of the same minute; of the rounds the median counts. Events are small, written as JSON;
 * only the brokers of this package check what they write and read. The servers are `nats-server` and `redis-server`, on this
 * machine; what needs one that is not there is left out.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as os from "node:os"
import * as Nats from "../test/servers/nats.ts"
import * as Redis from "../test/servers/redis.ts"
import type { Name } from "./lib/events/contender.ts"
import { measure, type Result } from "./lib/events/measure.ts"

/** Contenders that are compared with the first of them. */
interface Table {
  readonly title: string
  readonly names: ReadonlyArray<Name>
  readonly subscribers: number
  readonly open: Effect.Effect<{ readonly url: string }, never, Scope.Scope>
  readonly isMissing?: boolean
}

const none = Effect.succeed({ url: "" })
const tables: ReadonlyArray<Table> = [
  { title: "to 1", names: ["raw-frames", "http-broker"], subscribers: 1, open: none },
  { title: "to 4", names: ["raw-frames", "http-broker"], subscribers: 4, open: none },
  {
    title: "over NATS",
    names: ["nats", "nats-headers", "nats-broker"],
    subscribers: 1,
    open: Nats.open(),
    isMissing: Nats.isMissing
  },
  {
    title: "over JetStream",
    names: ["jetstream", "jetstream-broker"],
    subscribers: 1,
    open: Nats.open({ jetStream: true }),
    isMissing: Nats.isMissing
  },
  {
    title: "over Redis",
    names: ["redis", "redis-broker"],
    subscribers: 1,
    open: Redis.open(),
    isMissing: Redis.isMissing
  }
]

const smoke = process.argv.includes("--smoke")
const only = process.argv.find((flag) => flag.startsWith("--only="))?.slice("--only=".length).split(",")
const rounds = smoke ? 1 : 5
const [warmEvents, millis] = smoke ? [1000, 200] : [300_000, 2000]

const median = (list: ReadonlyArray<number>): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0

const play = (name: Name, { open, subscribers }: Table): Promise<Result> => {
  const round = ({ url }: { readonly url: string }) =>
    Effect.promise(() => measure({ name, subscribers, server: url, warmEvents, millis }))
  return Effect.runPromise(Effect.scoped(Effect.flatMap(open, round)))
}

const print = (title: string, results: ReadonlyMap<Name, ReadonlyArray<Result>>): void => {
  const rows = Array.from(results, ([name, list]) => ({
    name,
    perSecond: median(list.map(({ perSecond }) => perSecond)),
    micros: median(list.map(({ cpuMicros }) => cpuMicros))
  }))
  const first = rows[0]!
  console.log(`\n| ${title} | events a second | × ${first.name} | CPU µs an event | × ${first.name} |`)
  console.log("| --- | ---: | ---: | ---: | ---: |")
  for (const { micros, name, perSecond } of rows) {
    const ratios = [perSecond / first.perSecond, micros / first.micros].map((ratio) => ratio.toFixed(2))
    console.log(`| ${[name, perSecond.toFixed(0), ratios[0], micros.toFixed(2), ratios[1]].join(" | ")} |`)
  }
}

const [cpu] = os.cpus()
console.log(`Node ${process.versions.node}, ${os.cpus().length} × ${cpu?.model.trim()}, median of ${rounds} rounds`)
for (const table of tables) {
  const chosen = table.names.filter((name) => only?.includes(name) ?? true)
  if (chosen.length === 0) continue
  if (table.isMissing === true) {
    console.log(`\n${table.title}: there is no server`)
    continue
  }
  const results = new Map(chosen.map((name) => [name, new Array<Result>()]))
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? chosen : chosen.toReversed()) {
      results.get(name)!.push(await play(name, table))
    }
  }
  print(table.title, results)
}
