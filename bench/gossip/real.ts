/**
 * What real members cost and how fast they are: processes on the loopback interface, with agents of Serf among them.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as Crowds from "../../test/gossip/crowds.ts"
import { until } from "../../test/gossip/members.ts"
import * as Mixed from "../../test/gossip/mixed.ts"
import * as Serf from "../../test/gossip/serf.ts"
import * as Network from "../../test/servers/network.ts"
import type { Row } from "./figures.ts"

/** Those of the table that this machine can fill. */
export const rows = (members: number, seconds: number): Effect.Effect<ReadonlyArray<Row>> =>
  Effect.map(
    Effect.all([
      Network.isMissing ? Effect.succeed([]) : Effect.scoped(idle(members, seconds)),
      Serf.isMissing ? Effect.succeed([]) : Effect.scoped(mixed(members))
    ]),
    (rows) => rows.flat()
  )

// ---------------------------------------------------------------------------------------------------------------------

/** Seconds in which members that know each other come to rest. */
const settling = 10

/** In a network of their own, so that the kernel counts what is theirs and nothing else. */
const idle = Effect.fnUntraced(function*(members: number, seconds: number) {
  const network = yield* Network.open
  const start = { preset: "lan", count: members - 1 } as const
  const first = yield* Crowds.open({ ...start, count: 1, join: [] }, network)
  const crowds = [first, yield* Crowds.open({ ...start, join: first.addresses }, network)]
  const isWhole = (told: Crowds.Told) => told._tag === "Counted" && told.count === members
  yield* until(() => Crowds.times(crowds, 0, isWhole).length === members, "members that know each other", 60_000)
  yield* Effect.sleep(1000 * settling)
  const before = yield* spent(network, crowds)
  yield* Effect.sleep(1000 * seconds)
  const after = yield* spent(network, crowds)
  const each = (what: keyof typeof after) => (after[what] - before[what]) / members / seconds
  const row: Row = {
    what: "real ones, while nothing happens",
    members,
    measured: `${each("datagrams").toFixed(2)} datagrams and ${each("bytes").toFixed(0)} bytes a second and member, ${
      (100 * each("cpu")).toFixed(2)
    } % of a core`,
    goal: "2.1, 420, 1 %",
    isMet: each("datagrams") <= 2.1 && each("bytes") <= 420 && each("cpu") <= 0.01
  }
  return [row]
})

/** Datagrams, bytes with all headers, and seconds of CPU, up to now. */
const spent = (network: Network.Network, crowds: ReadonlyArray<Crowds.Crowd>) =>
  Effect.map(network.run("cat", "/proc/self/net/snmp", "/proc/self/net/dev"), (counters) => ({
    datagrams: Number(/^Udp: \d+ \d+ \d+ (\d+)/m.exec(counters)?.[1]),
    bytes: Number(/^ *lo: *(\d+)/m.exec(counters)?.[1]),
    cpu: crowds.reduce((sum, { pid }) => sum + cpu(pid), 0)
  }))

/** The kernel counts hundredths. */
const cpu = (pid: number): number => {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]?.split(" ") ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const mixed = Effect.fnUntraced(function*(members: number) {
  const times = yield* Mixed.run(members / 2)
  return ([["killed", 10_500], ["left", 1500]] as const).map(([what, goal]): Row => {
    const { agents, ours } = times[what]
    return {
      what: `one of ours and one agent of Serf ${what}`,
      members,
      measured: `all of ours know after ${ours.toFixed(0)} ms, all agents after ${agents.toFixed(0)}`,
      goal: `${goal} ms`,
      isMet: Math.max(agents, ours) <= goal
    }
  })
})
