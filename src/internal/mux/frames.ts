/**
 * The frames of the multiplexed lane, `effect-micro/1`.
 *
 * ```
 * length u32 | type u8 | flags u8 | id u32 | …        big-endian; length counts what follows it
 * ```
 *
 * The client numbers its calls and may use a number again once the server has ended the call, which it does exactly
 * once, with `End`, `Failure`, `Lost` or a `Message` that is the last. The id of a `Route` is the number that later
 * `Open` frames know a service, a method and a content type by.
 *
 * | type    | from   | behind the id                                                                             |
 * | ------- | ------ | ----------------------------------------------------------------------------------------- |
 * | Route   | client | JSON `[service, method, contentType]`                                                     |
 * | Open    | client | route u32, timeout u32 (ms, if flagged), headers u32 + JSON (if flagged), message (if last) |
 * | Message | both   | the message; flagged where it is the last one                                             |
 * | End     | both   | nothing: no more messages. From a server: the call is over                                |
 * | Failure | server | status u8, retry-after u32 (ms, if flagged), body                                         |
 * | Cancel  | client | nothing: the caller has gone; the server still ends the call                              |
 * | Credit  | both   | u32: so many more bytes of messages may be sent                                           |
 * | Ping    | both   | anything, at most 64 bytes                                                                |
 * | Pong    | both   | the same                                                                                  |
 * | GoAway  | server | nothing: no new calls over this connection                                                |
 * | Lost    | server | nothing: the handler was stopped before it had replied; it may have done its work         |
 * | Split   | both   | type u8, flags u8, u32: so long is the own part of a frame that follows in parts; its start |
 * | Part    | both   | more of what was split                                                                     |
 * | Hello   | both   | JSON of what the side takes; the first frame                                               |
 * | Probe   | client | nothing: how busy are you? Only where the hello says that it is answered                   |
 * | Load    | server | calls in flight u32, what handlers take u32 (µs); flagged where it answers a probe         |
 */
import { type Failure, failure, type Status } from "../../Transport.ts"

/** The protocol's name in the `Upgrade` header. */
export const protocol = "effect-micro/1"

/** Bytes of a frame before what is its own. */
export const headSize = 10

export const Type = {
  Route: 1,
  Open: 2,
  Message: 3,
  End: 4,
  Failure: 5,
  Cancel: 6,
  Credit: 7,
  Ping: 8,
  Pong: 9,
  GoAway: 10,
  Lost: 11,
  Split: 12,
  Part: 13,
  Hello: 14,
  Probe: 15,
  Load: 16
} as const

/** From this type on, frames are skipped by who does not know them. */
export const optional = 128

export const Flag = {
  /** Of `Open` and `Message`: what the frame carries is the only, or the last, message. */
  Last: 1,
  /** Of `Open`: there is a timeout. Of `Failure`: there is a time to come back after. */
  Time: 2,
  /** Of `Open`: there are headers. */
  Headers: 4,
  /** Of `Open`: the caller takes many replies. */
  Stream: 8,
  /** Of `Credit`: for what comes in parts, of whatever call. */
  Parts: 16,
  /** Of `Credit`: for the messages of all streams together. */
  All: 32,
  /** Of `Load`: to a probe, and not beside a reply. */
  Answer: 64
} as const

/**
 * Bytes of messages that a side may send of one stream before it is given more. Replies start with this much; messages
 * start with nothing, so that a caller's stream is not touched before somebody reads it.
 */
export const window = 256 * 1024

/**
 * Bytes of messages that all streams of a connection may have on the way together, in each direction: what 64 streams may
 * have that nobody reads, and a gigabit at 130 ms.
 */
export const connectionWindow = 16 * 1024 * 1024

/** What a message costs beside its own bytes, so that empty ones are bounded too. */
export const messageCost = 16

/**
 * A message that is longer goes out in parts of so many bytes: a millisecond of a gigabit, which is what others wait for
 * one at most, and half the turns of the event loop that the usual 64 KiB would take.
 */
export const partSize = 128 * 1024

/**
 * Bytes in parts that may be on the way over a connection, in each direction. What stands in the buffers of two kernels
 * would keep others waiting longer than a part does, and nobody else bounds it.
 */
export const partsWindow = 2 * 1024 * 1024

/** Messages that may be under way in parts, in each direction. The rest stand in line. */
export const maxSplits = 16

/** Bytes that tell of what follows in parts. */
export const splitSize = 6

/** Most routes of a connection. */
export const maxRoutes = 4096

/** Most bytes of a route, of a hello, and of a ping. */
export const maxRoute = 4096
export const maxHello = 4096
export const maxPing = 64

/** Milliseconds of silence after which the kernel asks whether the other host is still there. */
export const silence = 15_000

const statuses: ReadonlyArray<Status> = [
  "Error",
  "Defect",
  "Unimplemented",
  "Malformed",
  "Unavailable",
  "DeadlineExceeded",
  "Overloaded"
]

/** A status as a byte. */
export const fromStatus = (status: Status): number => statuses.indexOf(status)

/** An unsigned number of four bytes. */
export const readU32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0

export const writeU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** What is a failure's own in its frame, of which there is one byte at least. A status that is not known is a defect. */
export const readFailure = (flags: number, bytes: Buffer, start: number, end: number): Failure => {
  const timed = (flags & Flag.Time) !== 0 && end - start >= 5
  const body = Buffer.from(bytes.subarray(start + (timed ? 5 : 1), end))
  return failure(statuses[bytes[start]] ?? "Defect", body, timed ? readPause(bytes, start + 1) : undefined)
}

/** The largest number says: not at all. */
const readPause = (bytes: Buffer, at: number): number => {
  const millis = readU32(bytes, at)
  return millis === 0xffffffff ? Infinity : millis
}
