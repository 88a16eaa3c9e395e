/**
 * What a publisher and a subscriber say to each other over one stream: events one way, verdicts the other.
 *
 * ```
 * events    count u32 | sets u16 | { length u32, JSON of headers } … | { set u16, handed u16, idLength u8, length u32, id, body } …
 * verdicts  { from u32, count u32, pause u32 } …
 * ```
 *
 * All numbers are unsigned and big-endian. Events are numbered from 0 in the order of the stream. The verdict of a run of
 * events is that they are accepted, or given back to be handed out again after so many milliseconds.
 */
import { Buffer } from "node:buffer"
import type { Message } from "../../../Message.ts"

/** An event, and how often it was handed over before. */
export interface Handed {
  readonly message: Message
  readonly handed: number
}

/** What was decided about a run of events; `pause` where they are given back. */
export interface Verdict {
  readonly from: number
  count: number
  readonly pause: number | undefined
}

const prelude = 6
const eventHead = 9
const verdictSize = 12
const acceptedMark = 0xffffffff
const most16 = 0xffff

/** The frame of some events. Those that share the object of their headers share the bytes. */
export const writeEvents = (events: ReadonlyArray<Handed>): Uint8Array => {
  const sets = new Map<Message["headers"], number>()
  const texts: Array<Buffer> = []
  let size = prelude
  for (const { message: { body, headers, id } } of events) {
    size += eventHead + id.length + body.length
    if (sets.has(headers)) continue
    sets.set(headers, texts.length)
    const text = Buffer.from(JSON.stringify(headers))
    texts.push(text)
    size += 4 + text.length
  }
  const frame = Buffer.allocUnsafe(size) as unknown as Latin1
  frame.writeUInt32BE(events.length, 0)
  frame.writeUInt16BE(texts.length, 4)
  let at = prelude
  for (const text of texts) {
    at = frame.writeUInt32BE(text.length, at)
    frame.set(text, at)
    at += text.length
  }
  for (const { handed, message: { body, headers, id } } of events) {
    const set = sets.get(headers)!
    frame[at] = set >> 8
    frame[at + 1] = set
    frame[at + 2] = Math.min(handed, most16) >> 8
    frame[at + 3] = Math.min(handed, most16)
    frame[at + 4] = id.length
    frame.writeUInt32BE(body.length, at + 5)
    at += eventHead
    at += frame.latin1Write(id, at)
    frame.set(body, at)
    at += body.length
  }
  return frame
}

/** The events of a frame, whose bodies lie in it; undefined where it is none. */
export const readEvents = (bytes: Uint8Array): ReadonlyArray<Handed> | undefined => {
  const frame = bufferOf(bytes)
  try {
    const count = frame.readUInt32BE(0)
    // Each takes more bytes than that, so a count that is a lie makes no large array.
    if (count > frame.length / eventHead) return undefined
    const sets: Array<Message["headers"]> = []
    let at = prelude
    for (let left = frame.readUInt16BE(4); left > 0; left--) {
      const end = at + 4 + frame.readUInt32BE(at)
      const headers = headersOf(frame.toString("utf8", at + 4, end))
      if (headers === undefined) return undefined
      sets.push(headers)
      at = end
    }
    const events: Array<Handed> = []
    for (let left = count; left > 0; left--) {
      const headers = sets[(frame[at] << 8) | frame[at + 1]]
      const handed = (frame[at + 2] << 8) | frame[at + 3]
      const idEnd = at + eventHead + frame[at + 4]
      const end = idEnd + frame.readUInt32BE(at + 5)
      if (headers === undefined || end > frame.length) return undefined
      const id = frame.latin1Slice(at + eventHead, idEnd)
      // A plain view: that of a `Buffer` costs twice as much.
      const body = new Uint8Array(bytes.buffer, bytes.byteOffset + idEnd, end - idEnd)
      events.push({ message: { id, headers, body }, handed })
      at = end
    }
    return at === frame.length ? events : undefined
  } catch {
    // A number or a text that goes beyond the end.
    return undefined
  }
}

/** The frame of some verdicts. */
export const writeVerdicts = (verdicts: ReadonlyArray<Verdict>): Uint8Array => {
  const frame = Buffer.allocUnsafe(verdictSize * verdicts.length)
  let at = 0
  for (const { count, from, pause } of verdicts) {
    at = frame.writeUInt32BE(from, at)
    at = frame.writeUInt32BE(count, at)
    at = frame.writeUInt32BE(pause === undefined ? acceptedMark : Math.min(Math.ceil(pause), acceptedMark - 1), at)
  }
  return frame
}

/** The verdicts of a frame; undefined where it is none. */
export const readVerdicts = (bytes: Uint8Array): ReadonlyArray<Verdict> | undefined => {
  if (bytes.length % verdictSize !== 0) return undefined
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / verdictSize }, (_, index) => {
    const pause = frame.readUInt32BE(index * verdictSize + 8)
    return {
      from: frame.readUInt32BE(index * verdictSize),
      count: frame.readUInt32BE(index * verdictSize + 4),
      pause: pause === acceptedMark ? undefined : pause
    }
  })
}

// ---------------------------------------------------------------------------------------------------------------------

// Node's own ways between Latin-1 and bytes, without a look at the name of the encoding.
type Latin1 = Buffer & {
  readonly latin1Slice: (start: number, end: number) => string
  readonly latin1Write: (text: string, at: number) => number
}

const bufferOf = (bytes: Uint8Array): Latin1 =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) as unknown as Latin1

const headersOf = (text: string): Message["headers"] | undefined => {
  const headers: unknown = JSON.parse(text)
  return typeof headers === "object" && headers !== null &&
      Object.values(headers).every((value) => typeof value === "string")
    ? headers as Message["headers"]
    : undefined
}
