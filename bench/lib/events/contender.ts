/**
 * Those whose events are measured.
 */

/** One way of carrying events. */
export interface Contender {
  /** Counts events as they come; gives what the publisher has to know. */
  readonly subscribe: (count: (events: number) => void) => Promise<string>
  /** Publishes as fast as it can, for good. */
  readonly publish: (facts: ReadonlyArray<string>) => Promise<void>
}

export const contenders = {
  "raw-frames": () => import("./raw-frames.ts"),
  "http-broker": () => import("./http-broker.ts")
} satisfies Record<string, () => Promise<Contender>>

export type Name = keyof typeof contenders

export const names = Object.keys(contenders) as ReadonlyArray<Name>

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
