/**
 * What members of a cluster say to each other, in the words of memberlist.
 */

/** Where a member is reached. */
export interface Endpoint {
  /** 4 bytes or 16. */
  readonly address: Uint8Array
  readonly port: number
}

/** Who asks, for who answers. Those that are older than memberlist 0.2 do not say. */
export interface Source extends Endpoint {
  readonly node: string
}

/** Are you there? */
export interface Ping {
  readonly _tag: "Ping"
  readonly sequence: number
  /** Who is meant. A ping that meets somebody else is not answered. */
  readonly node: string
  readonly source?: Source | undefined
}

/** Ask that member for me whether it is there. */
export interface IndirectPing {
  readonly _tag: "IndirectPing"
  readonly sequence: number
  readonly node: string
  readonly target: Endpoint
  /** Whether to be told that no answer came. */
  readonly wantsNack: boolean
  readonly source?: Source | undefined
}

/** I am. */
export interface Ack {
  readonly _tag: "Ack"
  readonly sequence: number
  readonly payload?: Uint8Array | undefined
}

/** The one you asked me about did not answer. */
export interface Nack {
  readonly _tag: "Nack"
  readonly sequence: number
}

/** A member is there, at that address, with these facts. */
export interface Alive extends Endpoint {
  readonly _tag: "Alive"
  readonly incarnation: number
  readonly node: string
  /** At most 512 bytes. */
  readonly meta: Uint8Array
  readonly versions: Versions
}

/** A member did not answer. */
export interface Suspect {
  readonly _tag: "Suspect"
  readonly incarnation: number
  readonly node: string
  readonly from: string
}

/** A member is gone; by its own word where `from` is itself. */
export interface Dead {
  readonly _tag: "Dead"
  readonly incarnation: number
  readonly node: string
  readonly from: string
}

/** What the cluster carries, and does not look into. */
export interface User {
  readonly _tag: "User"
  readonly payload: Uint8Array
}

/** What a packet may hold. */
export type Message = Ping | IndirectPing | Ack | Nack | Alive | Suspect | Dead | User

/** Of the protocol and of the application above it: the least and the most that is understood, and what is spoken. */
export interface Versions {
  readonly protocol: Range
  readonly delegate: Range
}

export interface Range {
  readonly min: number
  readonly max: number
  readonly current: number
}

export type State = "alive" | "suspect" | "dead" | "left"

/** A member, as one of them knows it. */
export interface NodeState extends Endpoint {
  readonly node: string
  readonly incarnation: number
  readonly meta: Uint8Array
  readonly state: State
  readonly versions: Versions
}

/** All that one member knows, for one that tells the same. */
export interface PushPull {
  readonly _tag: "PushPull"
  readonly isJoin: boolean
  readonly nodes: ReadonlyArray<NodeState>
  readonly userState: Uint8Array
}

/** Why a stream is not answered. */
export interface Refusal {
  readonly _tag: "Refusal"
  readonly message: string
}

/** What a stream may begin with, and be answered with. */
export type StreamMessage = PushPull | Ping | Ack | User | Refusal
