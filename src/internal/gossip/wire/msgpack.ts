/**
 * As much of MessagePack as memberlist needs, in its old form: texts and bytes are both `raw`.
 *
 * Reading takes the newer forms as well, since Go writes what its library of the year writes. Bytes are views of what was
 * read. A length is believed only as far as there are bytes, and nothing is nested more than `maxDepth` levels deep.
 */
import { Buffer } from "node:buffer"
import { fail } from "./problem.ts"

/** What is written. A map's keys are written in the order that they stand in: Go sorts them, so do its callers. */
export type Writable = number | boolean | string | Uint8Array | undefined | { readonly [key: string]: Writable }

/** What is read. Raw is bytes, whatever it means. */
export type Value = number | boolean | Uint8Array | undefined | Fields | ReadonlyArray<Value>

export type Fields = ReadonlyMap<string, Value>

/** Writes maps, one behind the other. */
export interface Writer {
  readonly write: (value: Writable) => void
  readonly raw: (bytes: Uint8Array) => void
  readonly byte: (byte: number) => void
  /** All that was written. */
  readonly bytes: () => Buffer
}

/** A writer that grows as needed. */
export const makeWriter = (size = 256): Writer => {
  let buffer = Buffer.allocUnsafe(size)
  let at = 0
  const room = (length: number): void => {
    if (at + length <= buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + length))
    buffer.copy(larger, 0, 0, at)
    buffer = larger
  }
  const byte = (value: number): void => {
    room(1)
    buffer[at++] = value
  }
  const raw = (bytes: Uint8Array): void => {
    room(bytes.length)
    buffer.set(bytes, at)
    at += bytes.length
  }
  const big = (head: number, size: 1 | 2 | 4, value: number): void => {
    room(1 + size)
    buffer[at] = head
    buffer.writeUIntBE(value, at + 1, size)
    at += 1 + size
  }
  const head = (length: number): void => {
    if (length < 32) byte(0xA0 | length)
    else if (length < 0x1_0000) big(0xDA, 2, length)
    else big(0xDB, 4, length)
  }
  const unsigned = (value: number): void => {
    if (value < 0x80) byte(value)
    else if (value < 0x100) big(0xCC, 1, value)
    else if (value < 0x1_0000) big(0xCD, 2, value)
    else big(0xCE, 4, value)
  }
  const bytes = (value: Uint8Array): void => {
    head(value.length)
    raw(value)
  }
  const write = (value: Writable): void => {
    if (value === undefined) return byte(0xC0)
    if (typeof value === "number") return unsigned(value)
    if (typeof value === "boolean") return byte(value ? 0xC3 : 0xC2)
    if (typeof value === "string") return bytes(Buffer.from(value))
    if (value instanceof Uint8Array) return bytes(value)
    const entries = Object.entries(value)
    byte(0x80 | entries.length)
    for (const [key, inner] of entries) {
      write(key)
      write(inner)
    }
  }
  return { write, raw, byte, bytes: () => buffer.subarray(0, at) }
}

/** Where reading has got to. */
export interface Reader {
  readonly bytes: Buffer
  at: number
}

export const makeReader = (bytes: Uint8Array): Reader => ({
  bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
  at: 0
})

/** The next byte. */
export const byte = (reader: Reader): number => reader.bytes[advance(reader, 1)]!

/** So many bytes as they are. */
export const take = (reader: Reader, length: number): Uint8Array => {
  const from = advance(reader, length)
  return reader.bytes.subarray(from, reader.at)
}

/** All that is left. */
export const rest = (reader: Reader): Uint8Array => take(reader, reader.bytes.length - reader.at)

/** The next value, which must be a map of names. */
export const fields = (reader: Reader): Fields => {
  const value = read(reader, 0)
  return value instanceof Map ? value : fail("Garbled", "A message is no map")
}

/** The next value, whatever it is. */
export const value = (reader: Reader): Value => read(reader, 0)

// ---------------------------------------------------------------------------------------------------------------------

const maxDepth = 8

/** Goes on by so many bytes; returns where they start. */
const advance = (reader: Reader, length: number): number => {
  const from = reader.at
  if (length > reader.bytes.length - from) fail("Incomplete", "The message ends before its values do")
  reader.at = from + length
  return from
}

const uint = (reader: Reader, size: 1 | 2 | 4): number => reader.bytes.readUIntBE(advance(reader, size), size)

const read = (reader: Reader, depth: number): Value => {
  if (depth > maxDepth) fail("Garbled", `Values are nested more than ${maxDepth} levels deep`)
  const head = byte(reader)
  if (head < 0x80) return head
  if (head < 0x90) return map(reader, head & 0x0F, depth)
  if (head < 0xA0) return array(reader, head & 0x0F, depth)
  if (head < 0xC0) return take(reader, head & 0x1F)
  if (head >= 0xE0) return head - 0x100
  return long(reader, head, depth)
}

const long = (reader: Reader, head: number, depth: number): Value => {
  switch (head) {
    case 0xC0:
      return undefined
    case 0xC2:
    case 0xC3:
      return head === 0xC3
    case 0xC4:
    case 0xD9:
      return take(reader, uint(reader, 1))
    case 0xC5:
    case 0xDA:
      return take(reader, uint(reader, 2))
    case 0xC6:
    case 0xDB:
      return take(reader, uint(reader, 4))
    case 0xCA:
      return reader.bytes.readFloatBE(advance(reader, 4))
    case 0xCB:
      return reader.bytes.readDoubleBE(advance(reader, 8))
    case 0xDC:
      return array(reader, uint(reader, 2), depth)
    case 0xDD:
      return array(reader, uint(reader, 4), depth)
    case 0xDE:
      return map(reader, uint(reader, 2), depth)
    case 0xDF:
      return map(reader, uint(reader, 4), depth)
    default:
      return integer(reader, head)
  }
}

const integer = (reader: Reader, head: number): number => {
  switch (head) {
    case 0xCC:
      return uint(reader, 1)
    case 0xCD:
      return uint(reader, 2)
    case 0xCE:
      return uint(reader, 4)
    // Above 2^53 the last digits are lost; nothing that is read here has any use for them.
    case 0xCF:
      return Number(reader.bytes.readBigUInt64BE(advance(reader, 8)))
    case 0xD0:
      return reader.bytes.readInt8(advance(reader, 1))
    case 0xD1:
      return reader.bytes.readInt16BE(advance(reader, 2))
    case 0xD2:
      return reader.bytes.readInt32BE(advance(reader, 4))
    case 0xD3:
      return Number(reader.bytes.readBigInt64BE(advance(reader, 8)))
    default:
      return fail("Garbled", `A value of the unknown type 0x${head.toString(16)}`)
  }
}

const array = (reader: Reader, length: number, depth: number): ReadonlyArray<Value> => {
  const values: Array<Value> = []
  // Each takes a byte at least: a length that lies ends here, and nothing was made room for.
  for (let index = 0; index < length; index++) values.push(read(reader, depth + 1))
  return values
}

const map = (reader: Reader, size: number, depth: number): Fields => {
  const values = new Map<string, Value>()
  for (let index = 0; index < size; index++) {
    const key = read(reader, depth + 1)
    if (!(key instanceof Uint8Array)) return fail("Garbled", "A key is no text")
    values.set(Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1"), read(reader, depth + 1))
  }
  return values
}
