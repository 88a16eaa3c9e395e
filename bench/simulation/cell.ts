/**
 * One cell of the table: a workload, a way to choose, and so many clients.
 */
import type * as Layer from "effect/Layer"
import type { Registry } from "../../src/Registry.ts"
import type { Selector } from "../../src/Selector.ts"
import * as Client from "./client.ts"
import * as Luck from "./luck.ts"
import * as Network from "./network.ts"
import type { Server } from "./server.ts"
import * as Time from "./time.ts"
import type { Workload } from "./workloads.ts"
import * as World from "./world.ts"

/** A way to choose. */
export interface Contender {
  readonly name: string
  readonly selector: (servers: ReadonlyMap<string, Server>) => Layer.Layer<Selector, never, Registry>
  /** Whether it is all that `Micro` has: calls are tried again, given up early and throttled, by a list that is steady. */
  readonly isDefault: boolean
}

/** What calls took, in milliseconds, and what else was seen. */
export interface Result {
  readonly latencies: Array<number>
  failed: number
  attempts: number
  /** Of the longest queue, as a multiple of the average one, ten times a second. */
  readonly imbalance: Array<number>
}

/** Runs a cell by a seed. */
export const run = (
  workload: Workload,
  contender: Contender,
  clients: number,
  seed: number,
  seconds: number
): Result => {
  const luck = (what: string) => Luck.draw(`${seed}/${what}`)
  const time = Time.make()
  const world = World.make(time, workload.servers, luck("world"))
  const work = luck("work")
  const network = Network.make(time, world.servers, () => Luck.logNormal(10, work), luck("network"))
  const setting = { ...contender, selector: contender.selector(world.servers), transport: network.transport }
  const callers = Array.from(
    { length: clients },
    (_, index) => Client.make({ time, list: world.list, ...setting }, `${seed}/client/${index}`)
  )
  const result: Result = { latencies: [], failed: 0, attempts: 0, imbalance: [] }
  const [from, until] = workload.seconds ?? [5, 5 + seconds]
  workload.begin(world)
  time.pass(1)
  for (const [index, call] of callers.entries()) {
    const draw = luck(`calls/${index}`)
    const next = () => {
      const since = time.now()
      if (since >= until * 1000) return
      const counts = since >= from * 1000
      call((success) => {
        if (!counts) return
        result.latencies.push(success ? time.now() - since : 1000)
        if (!success) result.failed++
      })
      time.in(Luck.exponential(1000 * clients / workload.rate, draw), next)
    }
    time.in(Luck.exponential(1000 * clients / workload.rate, draw), next)
  }
  time.pass(from * 1000)
  const before = network.sent()
  sample(world, until * 1000, result)
  time.pass(until * 1000)
  result.attempts = network.sent() - before
  time.pass(until * 1000 + 1500)
  return result
}

// ---------------------------------------------------------------------------------------------------------------------

const sample = (world: World.World, until: number, result: Result): void => {
  const { listed, time } = world
  if (time.now() >= until) return
  const loads = listed().filter(({ isAlive, mood }) => isAlive && mood === "works").map(({ load }) => load)
  const sum = loads.reduce((sum, load) => sum + load, 0)
  if (sum > 0) result.imbalance.push(Math.max(...loads) * loads.length / sum)
  time.in(100, () => sample(world, until, result))
}
