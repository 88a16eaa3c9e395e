/**
 * What is measured of a fresh server and a fresh client: workloads, or how long both take to start.
 */
import * as fs from "node:fs"
import type { Discovery, Entry } from "./contender.ts"
import * as Peer from "./peer.ts"
import type { Workload } from "./workload.ts"

/** What one run of a workload came to. */
export interface Result {
  readonly perSecond: number
  /** Microseconds of CPU for one call or one message of a stream. */
  readonly serverCpu: number
  readonly clientCpu: number
  readonly p50: number | undefined
  readonly p99: number | undefined
  readonly serverRss: number
  readonly clientRss: number
  /** Cores that other processes kept busy meanwhile, where the system tells. */
  readonly noise: number
}

/** How long a start took, and what the processes hold when nothing happens. */
export interface Start {
  readonly serverMillis: number
  readonly clientMillis: number
  readonly serverRss: number
  readonly clientRss: number
}

/** How long to warm up and to measure. */
export interface Timing {
  /** Before the first workload: an HTTP client takes seconds to be compiled. */
  readonly firstMillis: number
  readonly warmMillis: number
  readonly millis: number
  /** How often a run that others disturbed is tried again. */
  readonly repeats: number
}

/**
 * Runs workloads one after another in two fresh processes. What they compiled for one serves the next, as in a process
 * that has been running for a while.
 */
export const workloads = (
  program: string,
  entry: Entry,
  group: ReadonlyArray<Workload>,
  timing: Timing
): Promise<ReadonlyArray<Result>> =>
  withPeers(program, entry, "static", async (server, client) => {
    await measure(server, client, group[group.length - 1], { warmMillis: 0, millis: timing.firstMillis })
    const results: Array<Result> = []
    for (const workload of group) {
      let result = await measure(server, client, workload, timing)
      for (let i = 0; i < timing.repeats && result.noise > noiseLimit; i++) {
        const again = await measure(server, client, workload, timing)
        if (again.noise < result.noise) result = again
      }
      results.push(result)
    }
    return results
  })

/** Starts two fresh processes, and lets them idle. */
export const start = (program: string, entry: Entry, discovery: Discovery, idleMillis: number): Promise<Start> =>
  withPeers(program, entry, discovery, async (server, client) => {
    await new Promise((resolve) => setTimeout(resolve, idleMillis))
    const [serverUsage, clientUsage] = [await server.usage(), await client.usage()]
    return {
      serverMillis: server.readyMillis,
      clientMillis: client.readyMillis,
      serverRss: serverUsage.rssBytes,
      clientRss: clientUsage.rssBytes
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** With other processes busier than so many cores, a run is repeated. */
const noiseLimit = 0.2

const measure = async (
  server: Peer.Peer,
  client: Peer.Peer,
  workload: Workload,
  { millis, warmMillis }: Pick<Timing, "millis" | "warmMillis">
): Promise<Result> => {
  const driving = client.drive({ workload, warmMillis, millis })
  const clientBefore = await driving.opened()
  const [serverBefore, machineBefore] = [await server.usage(), busySeconds()]
  const clientAfter = await driving.closed()
  const [serverAfter, machineAfter] = [await server.usage(), busySeconds()]
  const { count, p50, p99, seconds } = await driving.measured()
  const serverMicros = serverAfter.cpuMicros - serverBefore.cpuMicros
  const clientMicros = clientAfter.cpuMicros - clientBefore.cpuMicros
  return {
    perSecond: count / seconds,
    serverCpu: serverMicros / count,
    clientCpu: clientMicros / count,
    p50,
    p99,
    serverRss: serverAfter.rssBytes,
    clientRss: clientAfter.rssBytes,
    noise: Math.max(0, (machineAfter - machineBefore - (serverMicros + clientMicros) / 1e6) / seconds)
  }
}

const withPeers = async <A>(
  program: string,
  entry: Entry,
  discovery: Discovery,
  use: (server: Peer.Peer, client: Peer.Peer) => Promise<A>
): Promise<A> => {
  const server = await Peer.serve(program, entry, discovery)
  try {
    const client = await Peer.connect(program, entry, discovery, server.address)
    try {
      return await use(server, client)
    } finally {
      client.kill()
    }
  } finally {
    server.kill()
  }
}

/** Linux counts in hundredths of a second. */
const ticksPerSecond = 100

/** Seconds that all cores together were busy since the machine started; 0 where the system does not tell. */
const busySeconds = (): number => {
  if (!fs.existsSync("/proc/stat")) return 0
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
    fs.readFileSync("/proc/stat", "utf8").split("\n", 1)[0]?.split(/\s+/).map(Number) ?? []
  return (user + nice + system + irq + softirq) / ticksPerSecond
}
