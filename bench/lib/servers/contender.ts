/**
 * Brokers with a server, each beside the bare client of that server: the same small events, as JSON.
 */

/** One way of carrying events over a server at this address. */
export interface Contender {
  /** Counts events as they come; resolves once it listens. */
  readonly subscribe: (url: string, count: () => void) => Promise<void>
  /** Publishes as fast as it can, for good. */
  readonly publish: (url: string) => Promise<void>
}

export const contenders = {
  "nats": () => import("./bare-nats.ts"),
  "NatsBroker": () => import("./brokers.ts").then(({ nats }) => nats),
  "jetstream": () => import("./bare-jetstream.ts"),
  "JetStreamBroker": () => import("./brokers.ts").then(({ jetStream }) => jetStream),
  "redis": () => import("./bare-redis.ts"),
  "RedisBroker": () => import("./brokers.ts").then(({ redis }) => redis)
} satisfies Record<string, () => Promise<Contender>>

export type Name = keyof typeof contenders

/** Events of one publishing, after which its answer is waited for, and publishings at a time. */
export const batch = 512
export const publishers = 4

/** The n-th event. */
export const event = (n: number): { readonly id: number; readonly name: string } => ({
  id: n & 0xffff,
  name: "Ada Lovelace"
})

/** Repeats a publishing for good, so many at a time. */
export const forever = (publishing: () => Promise<unknown>): Promise<void> => {
  const one = (): Promise<void> => publishing().then(one)
  return Promise.all(Array.from({ length: publishers }, one)).then(() => undefined)
}
