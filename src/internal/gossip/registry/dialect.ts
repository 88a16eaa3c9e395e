/**
 * What is around the words of this package, where other programs are members of the same cluster.
 */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import type { Member } from "../core/members.ts"
import type { Range } from "../wire/messages.ts"
import type { Node } from "./node.ts"
import type { Ring } from "./ring.ts"

/** How a cluster wants things to be said. */
export interface Dialect {
  /** The versions of the application: all members of a cluster have the same. */
  readonly delegate: Range
  /** What a member says of itself. */
  readonly meta: Uint8Array
  readonly make: (node: Node, ring: Ring | undefined) => Speaker
}

export interface Speaker {
  /** Whether it passes on what it hears by itself. */
  readonly repeats: boolean
  /** Whether a member runs this package. */
  readonly isOurs: (member: Member) => boolean
  /** Whether a member may run Go Micro, and have services to tell of in its own words. */
  readonly isGuest: (member: Member) => boolean
  /** News as it is carried. */
  readonly wrap: (news: Uint8Array) => Uint8Array
  /** The news of this package that something carried has, if any; what else it means is seen to. */
  readonly unwrap: (payload: Uint8Array) => Uint8Array | undefined
  /** The same for what is told over a connection when two members compare all they know. */
  readonly wrapState: (state: Uint8Array) => Uint8Array
  readonly unwrapState: (payload: Uint8Array) => Uint8Array
  /** The member has found its cluster. */
  readonly joined: () => void
  /** Says what has to be said before the member takes its leave. */
  readonly leaving: Effect.Effect<void>
}

/** A cluster of memberlist without anything above it. */
export const plain: Dialect = {
  delegate: { min: 0, max: 0, current: 0 },
  meta: Buffer.from("effect-micro/1"),
  make: () => ({
    repeats: false,
    isOurs: ({ meta }) => Buffer.compare(meta, plain.meta) === 0,
    isGuest: ({ meta }) => meta.length === 0,
    wrap: (news) => news,
    unwrap: (payload) => payload,
    wrapState: (state) => state,
    unwrapState: (payload) => payload,
    joined: () => undefined,
    leaving: Effect.void
  })
}
