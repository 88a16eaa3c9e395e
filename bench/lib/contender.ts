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

interface Entry {
  readonly load: () => Promise<Contender>
  /** What it can do beyond unary calls. */
  readonly streams: boolean
}

/** Name of a contender. */
export type Name =
  | "raw-frames"
  | "raw-http1"
  | "raw-http2"
  | "grpc-js"
  | "effect-micro"
  | "effect-micro-http1"
  | "effect-micro-grpc"

/** The contenders by name; the first is what the others are compared with. */
export const contenders: Readonly<Record<Name, Entry>> = {
  "raw-frames": { load: () => import("./raw-frames.ts"), streams: true },
  "raw-http1": { load: () => import("./raw-http1.ts"), streams: false },
  "raw-http2": { load: () => import("./raw-http2.ts"), streams: false },
  "grpc-js": { load: () => import("./grpc-js.ts"), streams: false },
  "effect-micro": { load: () => import("./effect-micro.ts"), streams: true },
  "effect-micro-http1": { load: () => import("./effect-micro-http1.ts"), streams: false },
  "effect-micro-grpc": { load: () => import("./effect-micro-grpc.ts"), streams: true }
}

/** Every contender's name. */
export const names = Object.keys(contenders) as ReadonlyArray<Name>
