/**
 * Those whose events are measured.
 */

/** One way of carrying events. `server` is the address of what stands between, where something does. */
export interface Contender {
  /** Counts events as they come; gives what the publisher has to know. */
  readonly subscribe: (count: (events: number) => void, server: string) => Promise<string>
  /** Publishes as fast as it can, for good. */
  readonly publish: (facts: ReadonlyArray<string>, server: string) => Promise<void>
}

export const contenders = {
  "raw-frames": () => import("./raw-frames.ts"),
  "http-broker": () => import("./http-broker.ts"),
  "nats": () => import("./nats.ts").then(({ plain }) => plain),
  "nats-headers": () => import("./nats.ts").then(({ described }) => described),
  "nats-broker": () => import("./brokers.ts").then(({ nats }) => nats),
  "jetstream": () => import("./jetstream.ts"),
  "jetstream-broker": () => import("./brokers.ts").then(({ jetStream }) => jetStream),
  "redis": () => import("./redis.ts"),
  "redis-broker": () => import("./brokers.ts").then(({ redis }) => redis)
} satisfies Record<string, () => Promise<Contender>>

export type Name = keyof typeof contenders

/** What a process tells of itself. */
export interface News {
  /** A subscriber listens, and this is what the publisher has to know. */
  readonly facts?: string
  /** Events that have come so far. */
  readonly count: number
  /** Time that all its threads have used so far. */
  readonly cpuMicros: number
}

/** The n-th event. */
export const event = (n: number): { readonly id: number; readonly name: string } => ({
  id: n & 0xffff,
  name: "Ada Lovelace"
})

/** Events of one publishing through a server, after which its answer is waited for, and publishings at a time. */
export const batch = 512
const publishers = 4

/** Repeats a publishing for good, so many at a time. */
export const forever = (publishing: () => Promise<unknown>): Promise<void> => {
  const one = (): Promise<void> => publishing().then(one)
  return Promise.all(Array.from({ length: publishers }, one)).then(() => undefined)
}
