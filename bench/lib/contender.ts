/**
 * Who is measured. Each contender is a module of its own that only its own processes load.
 */
import type { Meter } from "./meter.ts"
import type { Workload } from "./workload.ts"

/** How a client finds its server. */
export type Discovery = "static" | "mdns"

/** The calling half. */
export interface Client {
  /** One unary call. */
  readonly once: () => Promise<unknown>
  /** Runs the closed loops of a workload; settles after the meter has stopped them. */
  readonly drive: (workload: Workload, meter: Meter) => Promise<unknown>
}

/** Both halves; each runs in a process of its own, which ends by being killed. */
export interface Contender {
  /** Starts to answer; gives what `connect` needs to know. */
  readonly serve: (discovery: Discovery) => Promise<string>
  readonly connect: (address: string, discovery: Discovery) => Promise<Client>
}

/** What is known of a contender without loading it. */
export interface Entry {
  readonly name: string
  /** Its module, below `bench` and without the extension; the program of its processes loads it. */
  readonly module: string
  /** The workloads that it can do. */
  readonly kinds: ReadonlyArray<Workload["kind"]>
}

const unary = ["unary"] as const
const streams = ["unary", "stream", "pingpong"] as const
const all = ["unary", "text", "bytes", "stream", "pingpong"] as const

/** The contenders that need nothing but what the package itself is developed with; the first is the measure. */
export const contenders: ReadonlyArray<Entry> = [
  { name: "raw-frames", module: "lib/raw-frames", kinds: all },
  { name: "raw-http1", module: "lib/raw-http1", kinds: unary },
  { name: "raw-http2", module: "lib/raw-http2", kinds: unary },
  { name: "grpc-js", module: "lib/grpc-js", kinds: all },
  { name: "effect-micro", module: "lib/effect-micro", kinds: all },
  { name: "effect-micro-http1", module: "lib/effect-micro-http1", kinds: unary },
  { name: "effect-micro-grpc", module: "lib/effect-micro-grpc", kinds: streams }
]
