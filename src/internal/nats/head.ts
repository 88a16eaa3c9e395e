/**
 * The headers of messages as bytes.
 *
 * The messages of one publishing differ in their ids alone. The client would check, write and read the headers of each, which
 * takes longer than all else of a small message together. So the id is written last, behind bytes that are the same, and
 * whose bytes are those of the message before has its headers.
 */
import { headers as make, type Msg, type MsgHdrs } from "@nats-io/transport-node"
import { Buffer } from "node:buffer"
import { Header, type Message } from "../../Message.ts"
import * as Headers from "./headers.ts"

/** Writes the headers of messages that were handed over so many times. What it gives is good until it is asked again. */
export const writer = (): (message: Message, handed?: number) => MsgHdrs => {
  let last: Message["headers"] | undefined
  let lastHanded = 0
  let same: Buffer = Buffer.alloc(0)
  let bytes = same
  // All that the client asks of headers which it sends.
  const written = Object.assign(make(), { encode: () => bytes })
  return ({ headers, id }, handed = 0) => {
    if (headers !== last || handed !== lastHanded) {
      same = write(headers, handed)
      last = headers
      lastHanded = handed
    }
    bytes = Buffer.allocUnsafe(same.length + Buffer.byteLength(id) + end.length)
    bytes.set(same)
    bytes.write(id, same.length)
    bytes.set(end, bytes.length - end.length)
    return written
  }
}

/** Reads the headers of a message, whose subject and reply have so many bytes. */
export type Reader = (message: Msg, body: Uint8Array, around: number) => Headers.Read

export const reader = (): Reader => {
  let chunk: Buffer = Buffer.alloc(0)
  let last: Known | undefined
  return (message, body, around) => {
    const size = (message as Sized).size?.() ?? Number.POSITIVE_INFINITY
    const stop = body.byteOffset
    const start = stop - (size - around - body.length)
    if (start === stop) return Headers.none
    // The messages that one read of the socket has brought lie in one buffer.
    if (chunk.buffer !== body.buffer) chunk = Buffer.from(body.buffer)
    if (last !== undefined && isAlike(chunk, start, stop, last.same)) {
      const id = chunk.toString("utf8", start + last.same.length, stop - end.length)
      return { id, headers: last.headers, handed: last.handed }
    }
    const read = Headers.read(message)
    last = start < 0 ? undefined : known(chunk.subarray(start, stop), read)
    return read
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** The client's messages know their length on the wire, though its types do not say so. */
type Sized = Msg & { readonly size?: () => number }

const firstLine = "NATS/1.0\r\n"
const beforeId = `${Headers.id}: `
const end = Buffer.from("\r\n\r\n")

const write = (headers: Message["headers"], handed: number): Buffer => {
  const others = Object.entries(headers).filter(([name]) => name !== Headers.id && name !== Header.attempt)
  const lines = handed > 0 ? [...others, [Header.attempt, String(handed)]] : others
  return Buffer.from(`${firstLine}${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}${beforeId}`)
}

/** Headers that were read, and the bytes before their id. */
interface Known extends Headers.Read {
  readonly same: Buffer
}

/** What is known of the next messages, where the id of this one comes last. */
const known = (block: Buffer, read: Headers.Read): Known | undefined => {
  const at = block.lastIndexOf(beforeId) + beforeId.length
  return block.indexOf(firstLine) === 0 && read.id !== "" && block.toString("utf8", at) === `${read.id}\r\n\r\n`
    ? { ...read, same: Buffer.from(block.subarray(0, at)) }
    : undefined
}

const isAlike = (chunk: Buffer, start: number, stop: number, same: Buffer): boolean => {
  const at = start + same.length
  return start >= 0 && at + end.length < stop && chunk.compare(same, 0, same.length, start, at) === 0
    && chunk.indexOf(end[0]!, at) === stop - end.length
}
