/** What must become of a call, by fault, lane and kind. */
import { isIdempotent, type Kind } from "./ledger.ts"
import * as Lies from "./lies.ts"
import type { Deed, Fault } from "./proxy.ts"

export type Lane = "micro" | "micros" | "http" | "grpc"

/** How a call ends: answered by the instance behind the fault, or by the healthy one; or failed for a reason. */
export type Outcome = "is answered" | "moves" | "Disconnected" | "DeadlineExceeded" | "Malformed"

/** When it happens: to a connection that carried nothing before, or to one in use before or after a call reached its handler. */
export type Moment = "fresh" | "before" | "after"

/** What happens to the connection of a call. */
export interface Row {
  /** Completes "when the connection…". */
  readonly when: string
  /** The fault; or what happens while the handler works. */
  readonly fault: (lane: Lane) => Fault | "reset" | "close" | "silence"
  readonly outcome: (lane: Lane, kind: Kind) => Outcome
  readonly lanes?: ReadonlyArray<Lane>
  readonly kinds?: ReadonlyArray<Kind>
  /** Whether the connection seems to be of use though it is not, so that the next call may suffer as well. */
  readonly isSilent?: boolean
}

// A call that was lost before its first reply is repeated where that does no harm.
const lost = (_: Lane, kind: Kind): Outcome => isIdempotent(kind) ? "moves" : "Disconnected"

const always = (outcome: Outcome) => () => outcome

/** Nothing is sent before both sides have shaken hands. Plain HTTP shakes none: its request is on the way at once. */
const handshake = (plain: (lane: Lane, kind: Kind) => Outcome) => (lane: Lane, kind: Kind): Outcome =>
  lane === "http" ? plain(lane, kind) : "moves"

const onConnect = (deed: Deed) => (): Fault => ({ at: "connect", deed })
const request = (after: number, deed: Deed) => (): Fault => ({ at: { direction: "request", after }, deed })
const reply = (after: number, deed: Deed) => (): Fault => ({ at: { direction: "reply", after }, deed })

/** Within the first of three messages of 4 KiB, and within the second. */
const inFirst = 1000
const inSecond = 6000

/** What neither frames nor HTTP begin with. */
const garbage = { instead: Buffer.from("SSH-2.0-OpenSSH_9.9\r\n".repeat(4)) }

const lie = (length: (honest: number) => number) => (lane: Lane): Fault => ({
  at: { direction: "reply", after: 0 },
  deed: Lies.of(lane as Lies.Lane, length)
})

const readable: ReadonlyArray<Lane> = ["micro", "http", "grpc"]
const oneReply: ReadonlyArray<Kind> = ["unary", "idempotent", "client stream"]
const manyReplies: ReadonlyArray<Kind> = ["server stream", "idempotent server stream"]

const fresh: ReadonlyArray<Row> = [
  {
    when: "is reset as soon as it is made",
    fault: onConnect("reset"),
    outcome: always("moves"),
    // Of plain HTTP it would be luck whether the request was written before.
    lanes: ["micro", "micros", "grpc"]
  },
  { when: "is closed as soon as it is made", fault: onConnect("close"), outcome: handshake(lost) },
  {
    when: "is accepted by a black hole",
    fault: onConnect("silence"),
    outcome: handshake(always("DeadlineExceeded")),
    isSilent: true
  },
  {
    when: "stalls in the middle of its first answer",
    fault: reply(12, "silence"),
    outcome: handshake(always("DeadlineExceeded")),
    isSilent: true
  },
  { when: "is closed in the middle of its first answer", fault: reply(12, "close"), outcome: handshake(lost) },
  { when: "is reset in the middle of its first answer", fault: reply(12, "reset"), outcome: handshake(lost) },
  { when: "is answered by something else than a service", fault: reply(0, garbage), outcome: handshake(lost) },
  { when: "carries one byte at a time from its start", fault: onConnect("trickle"), outcome: always("is answered") }
]

const before: ReadonlyArray<Row> = [
  { when: "is reset before the request", fault: request(0, "reset"), outcome: lost },
  { when: "is reset within the request", fault: request(inFirst, "reset"), outcome: lost },
  { when: "is closed before the request", fault: request(0, "close"), outcome: lost },
  { when: "is closed within the request", fault: request(inFirst, "close"), outcome: lost },
  {
    when: "falls silent before the request",
    fault: request(0, "silence"),
    outcome: always("DeadlineExceeded"),
    isSilent: true
  },
  {
    when: "falls silent within the request",
    fault: request(inFirst, "silence"),
    outcome: always("DeadlineExceeded"),
    isSilent: true
  }
]

const after: ReadonlyArray<Row> = [
  { when: "is reset while the handler works", fault: () => "reset", outcome: lost },
  { when: "is closed while the handler works", fault: () => "close", outcome: lost },
  {
    when: "falls silent while the handler works",
    fault: () => "silence",
    outcome: always("DeadlineExceeded"),
    isSilent: true
  },
  { when: "is reset before the reply", fault: reply(0, "reset"), outcome: lost },
  { when: "is reset within the first reply", fault: reply(inFirst, "reset"), outcome: lost },
  {
    when: "is reset within the second reply",
    fault: reply(inSecond, "reset"),
    outcome: always("Disconnected"),
    kinds: [...manyReplies, "bidi"]
  },
  { when: "is closed before the reply", fault: reply(0, "close"), outcome: lost },
  { when: "is closed within the first reply", fault: reply(inFirst, "close"), outcome: lost },
  {
    when: "falls silent before the reply",
    fault: reply(0, "silence"),
    outcome: always("DeadlineExceeded"),
    isSilent: true
  },
  {
    when: "falls silent within the first reply",
    fault: reply(inFirst, "silence"),
    outcome: always("DeadlineExceeded"),
    isSilent: true
  },
  { when: "brings garbage instead of the reply", fault: reply(0, garbage), outcome: lost },
  { when: "carries one byte at a time", fault: request(0, "trickle"), outcome: always("is answered") },
  {
    when: "brings a reply that claims to be longer than it is",
    fault: lie((honest) => honest + 100),
    // Of HTTP/2 only the message lies: its stream still says where it ends.
    outcome: (lane) => lane === "grpc" ? "Malformed" : "DeadlineExceeded",
    lanes: readable,
    kinds: oneReply,
    isSilent: true
  },
  {
    when: "brings a reply that claims to be shorter than it is",
    fault: lie(() => 8),
    outcome: always("Malformed"),
    lanes: readable,
    kinds: oneReply
  },
  {
    when: "brings a reply that claims to be larger than is allowed",
    fault: lie(() => 64 * 1024 * 1024),
    outcome: always("Malformed"),
    lanes: readable,
    kinds: oneReply,
    // Frames wait for all that was announced.
    isSilent: true
  }
]

/** Every fault, by its moment. */
export const rows: Readonly<Record<Moment, ReadonlyArray<Row>>> = { fresh, before, after }

/** The kinds of call that a lane carries. */
export const kinds: Readonly<Record<Lane, ReadonlyArray<Kind>>> = {
  micro: ["unary", "idempotent", "server stream", "idempotent server stream", "client stream", "bidi"],
  micros: ["unary", "server stream", "client stream", "bidi"],
  grpc: ["unary", "idempotent", "server stream", "idempotent server stream", "client stream", "bidi"],
  http: ["unary", "idempotent"]
}
