/**
 * Who is measured beside the library, and at what.
 */
import { contenders, type Entry } from "../lib/contender.ts"
import * as Plan from "../lib/plan.ts"
import type { Group } from "../lib/turns.ts"

const unary = ["unary"] as const
const whole = ["unary", "text", "bytes"] as const
const served = ["unary", "text", "bytes", "stream"] as const
const all = ["unary", "text", "bytes", "stream", "pingpong"] as const

// Effect's binary form is measured where it is the faster one.
const peers: ReadonlyArray<Entry> = [
  { name: "effect-rpc", module: "peers/effect-rpc", kinds: served },
  { name: "effect-rpc-binary", module: "peers/effect-rpc-binary", kinds: ["stream"] },
  { name: "nestjs-tcp", module: "peers/nestjs", kinds: served },
  { name: "moleculer-tcp", module: "peers/moleculer", kinds: all },
  { name: "connect-h2c", module: "peers/connect", kinds: all },
  { name: "fastify-undici", module: "peers/fastify", kinds: whole }
]

const local: ReadonlyArray<Entry> = [
  { name: "raw-local", module: "lib/raw-local", kinds: unary },
  { name: "effect-micro-local", module: "lib/effect-micro-local", kinds: unary },
  { name: "effect-micro-memory", module: "lib/effect-micro-memory", kinds: unary },
  { name: "effect-rpc-local", module: "peers/effect-rpc-local", kinds: unary },
  { name: "moleculer-local", module: "peers/moleculer-local", kinds: unary }
]

/** All of them. */
export const entries: ReadonlyArray<Entry> = [...contenders, ...peers, ...local]

/** Whether a contender is this library. */
export const isOurs = (name: string): boolean => name.startsWith("effect-micro")

/** Whether a contender is somebody else's library. */
export const isPeer = (name: string): boolean => !isOurs(name) && !name.startsWith("raw-")

const named = (...names: ReadonlyArray<string>): ReadonlyArray<Entry> =>
  names.map((name) => entries.find((entry) => entry.name === name)!)

const network = named(
  "raw-frames",
  "effect-micro",
  "effect-rpc",
  "effect-rpc-binary",
  "nestjs-tcp",
  "moleculer-tcp",
  "grpc-js",
  "connect-h2c",
  "fastify-undici"
)

const able = (group: Omit<Group, "contenders">): Group => ({
  ...group,
  contenders: network.filter(({ kinds }) => kinds.some((kind) => group.workloads.some((work) => work.kind === kind)))
})

/** What is measured; the first of each group is what the others are compared with. */
export const groups: ReadonlyArray<Group> = [
  able({ title: "", workloads: Plan.groups.unary }),
  able({ title: "", workloads: Plan.groups.large }),
  able({ title: "", workloads: Plan.groups.streams }),
  {
    title: "HTTP/1.1, ",
    workloads: [Plan.unary(64)],
    contenders: named("raw-http1", "effect-micro-http1", "fastify-undici")
  },
  {
    title: "HTTP/2, ",
    workloads: [Plan.unary(64)],
    contenders: named("raw-http2", "effect-micro-grpc", "grpc-js", "connect-h2c")
  },
  { title: "in one process, ", workloads: [Plan.unary(1), Plan.unary(64)], contenders: local }
]

/** Whose start is measured; the first is what the others are compared with. */
export const starters: ReadonlyArray<Entry> = network.filter(({ name }) => name !== "effect-rpc-binary")

/** Whose start is measured bundled, too: others load by name what a bundler cannot see. */
export const bundled: ReadonlyArray<Entry> = named("raw-frames", "effect-micro", "effect-rpc", "grpc-js", "connect-h2c")
