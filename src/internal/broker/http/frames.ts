/**
 * What a publisher and a subscriber say to each other over one stream: events one way, verdicts the other.
 *
 * ```
 * events    { handed u16, idLength u8, headersLength u32, place u32, count u32, id, JSON of headers, event … } …
 * event     length u32, body
 * verdicts  { from u32, count u32, pause u32 } …
 * ```
 *
 * All numbers are unsigned and big-endian. A run of events has one set of headers and one id, which each continues with its
 * place in what was published. Events are numbered from 0 in the order of the stream. The verdict of a run of them is that
 * they are accepted, or given back to be handed out again after so many milliseconds.
 */
import { Buffer } from "node:buffer"
import type { Message } from "../../../Message.ts"
import * as Series from "../series.ts"

/** Events of one series, one after the other and with the same headers, and how often they were handed over before. */
export interface Run {
  readonly messages: ReadonlyArray<Message>
  readonly handed: number
}

/** What was decided about a run of events; `pause` where they are given back. */
export interface Verdict {
  readonly from: number
  count: number
  readonly pause: number | undefined
}

/** A run that has come. What waits stays bytes: its messages are made one by one, when they are taken. */
export class Arrival {
  readonly handed: number
  readonly count: number
  readonly #frame: Buffer
  readonly #series: string
  readonly #headers: Message["headers"]
  #place: number
  #at: number

  constructor({ count, frame, handed, headers, place, series, start }: Facts) {
    this.handed = handed
    this.count = count
    this.#frame = frame
    this.#series = series
    this.#headers = headers
    this.#place = place
    this.#at = start
  }

  /** Makes the next message; called `count` times at most. */
  next(): Message {
    const start = this.#at + eventHead
    const length = this.#frame.readUInt32BE(this.#at)
    this.#at = start + length
    // A plain view: that of a `Buffer` costs twice as much.
    const body = new Uint8Array(this.#frame.buffer, this.#frame.byteOffset + start, length)
    return new Series.Numbered(this.#series, this.#place++, this.#headers, body)
  }
}

interface Facts {
  readonly frame: Buffer
  readonly start: number
  readonly series: string
  readonly headers: Message["headers"]
  readonly place: number
  readonly count: number
  readonly handed: number
}

const runHead = 15
const eventHead = 4
const verdictSize = 12
const acceptedMark = 0xffffffff
const most16 = 0xffff

/** The frame of some runs, none of which is empty. */
export const writeEvents = (runs: ReadonlyArray<Run>): Uint8Array => {
  const heads: Array<Buffer> = []
  let size = 0
  for (const run of runs) {
    const head = headOf(run)
    heads.push(head)
    size += head.length
    for (const { body } of run.messages) size += eventHead + body.length
  }
  const frame = Buffer.allocUnsafe(size)
  let at = 0
  for (let index = 0; index < runs.length; index++) {
    frame.set(heads[index], at)
    at += heads[index].length
    for (const { body } of runs[index].messages) {
      at = frame.writeUInt32BE(body.length, at)
      frame.set(body, at)
      at += body.length
    }
  }
  return frame
}

/** The runs of a frame, whose bodies lie in it; undefined where it is none. */
export const readEvents = (bytes: Uint8Array): ReadonlyArray<Arrival> | undefined => {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const arrivals: Array<Arrival> = []
  try {
    for (let at = 0; at < frame.length;) {
      const idEnd = at + runHead + frame[at + 2]
      const start = idEnd + frame.readUInt32BE(at + 3)
      const headers = headersOf(frame.toString("utf8", idEnd, start))
      if (headers === undefined) return undefined
      const series = frame.toString("latin1", at + runHead, idEnd)
      const [handed, place, count] = [frame.readUInt16BE(at), frame.readUInt32BE(at + 7), frame.readUInt32BE(at + 11)]
      if (count === 0) return undefined
      at = start
      for (let left = count; left > 0; left--) at += eventHead + frame.readUInt32BE(at)
      if (at > frame.length) return undefined
      arrivals.push(new Arrival({ frame, start, series, headers, place, count, handed }))
    }
    return arrivals
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

const headOf = ({ handed, messages }: Run): Buffer => {
  const [first] = messages
  const id = Series.nameOf(first)
  const text = JSON.stringify(first.headers)
  const head = Buffer.allocUnsafe(runHead + id.length + Buffer.byteLength(text))
  head.writeUInt16BE(Math.min(handed, most16), 0)
  head[2] = id.length
  head.writeUInt32BE(head.length - runHead - id.length, 3)
  head.writeUInt32BE(Series.placeOf(first), 7)
  head.writeUInt32BE(messages.length, 11)
  head.write(id, runHead, "latin1")
  head.write(text, runHead + id.length)
  return head
}

const headersOf = (text: string): Message["headers"] | undefined => {
  const headers: unknown = JSON.parse(text)
  return typeof headers === "object" && headers !== null &&
      Object.values(headers).every((value) => typeof value === "string")
    ? headers as Message["headers"]
    : undefined
}
