/**
 * The shapes of DNS packets, as `multicast-dns` reads and writes them.
 */
import type { FullPacket } from "multicast-dns"

/** A packet that was read. Names come without the dot at the end. */
export type Packet = Filled<FullPacket>

/** One record of an answer. */
export type Answer = Packet["answers"][number]

/** One question. A record is never of type `ANY`; a question may be. */
export interface Question extends Omit<Packet["questions"][number], "type"> {
  readonly type: Packet["questions"][number]["type"] | "ANY"
}

/** A packet to be written. */
export interface Outgoing extends Partial<Omit<Packet, "type" | "questions">> {
  readonly type: "query" | "response"
  readonly questions?: Array<Question>
}

/** The flag of a responder that speaks for itself; with the bit of a response it makes 0x8400. */
export const authoritative = 0x0400

// ---------------------------------------------------------------------------------------------------------------------

/** The reader of packets leaves no field out; its types do not say so to a strict compiler. */
type Filled<A> = { [K in keyof A]-?: NonNullable<A[K]> }
