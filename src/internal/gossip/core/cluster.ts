/**
 * What the rules of a member work on: itself, the others, its news, its timers, and the way out.
 */
import type { Endpoint, Source, Versions } from "../wire/messages.ts"
import type { Member, Members } from "./members.ts"
import * as News from "./news.ts"
import type { Settings } from "./settings.ts"
import * as Timers from "./timers.ts"

/** What became of a member. */
export type Change =
  | { readonly _tag: "Joined" | "Updated" | "Suspected" | "Cleared" | "Left" | "Failed"; readonly member: Member }
  /** Two processes use one name. The first one keeps it. */
  | { readonly _tag: "Conflict"; readonly member: Member; readonly other: Endpoint }
  /** Somebody speaks another version of the protocol, or of the application. */
  | { readonly _tag: "Incompatible"; readonly node: string; readonly problem: string }
  /** So many members are known that this one was not taken in. */
  | { readonly _tag: "Full"; readonly node: string; readonly maxMembers: number }

/** The way out: everything that a member does to the world. */
export interface Port {
  /** Milliseconds of a clock that never goes back. */
  readonly clock: () => number
  /** From 0 to 1, without 1. */
  readonly random: () => number
  /** Sends one packet. `to` understands checksums where `hasChecksum`. */
  readonly send: (to: Endpoint, messages: ReadonlyArray<Uint8Array>, hasChecksum: boolean) => void
  /** Pings over a connection, and calls `Swim.streamAnswered` once there was an answer. */
  readonly pingByStream: (member: Member, sequence: number) => void
  /** Compares all that is known with a member, over a connection. */
  readonly exchange: (member: Member) => void
  /** A member came, went or changed. */
  readonly changed: (change: Change) => void
  /** News of the application has come, for the first time or again. */
  readonly heard: (payload: Uint8Array, from: Endpoint) => void
}

/** Who this member is. */
export interface Self extends Endpoint {
  /** Unique among all that live: a new process is a new name. At most 255 bytes. */
  readonly node: string
  /** At most 512 bytes. */
  readonly meta: Uint8Array
  readonly versions: Versions
}

export interface Cluster {
  readonly settings: Settings
  readonly port: Port
  readonly members: Members
  readonly queue: News.Queue
  readonly timers: Timers.Timers
  readonly self: Member
  /** Bytes of a packet that no message can have, beside two for each. */
  readonly overhead: number
  /** How unwell this member thinks that it is itself, from 0 up. */
  awareness: number
  isLeaving: boolean
}

/** Of oneself and those that are known already. */
export const make = (self: Self, settings: Settings, port: Port, overhead: number, members: Members): Cluster => {
  const timers = Timers.make(port.clock, settings.stall)
  const own: Member = { ...self, incarnation: 0, state: "alive", changedAt: timers.now(), suspicion: undefined }
  members.add(own)
  return { settings, port, members, queue: News.make(), timers, self: own, overhead, awareness: 0, isLeaving: false }
}

/** Thinks better or worse of one's own health. */
export const feel = (cluster: Cluster, change: number): void => {
  cluster.awareness = Math.min(cluster.settings.awarenessMax - 1, Math.max(0, cluster.awareness + change))
}

/** Whether a member reads packets with a checksum. */
export const readsChecksums = ({ versions }: Member): boolean => versions.protocol.max >= 5

/** Who asks, for who answers. */
export const sourceOf = ({ self: { address, node, port } }: Cluster): Source => ({ address, port, node })
