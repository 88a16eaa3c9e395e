/**
 * Values to bytes and back, one at a time, over protobufjs's own writer and reader.
 *
 * Numbers stay numbers and bigints bigints, strings must be what UTF-8 can hold, and nothing is read beyond the length
 * that was said. What does not fit throws `Broken`, which the messages around it give its path.
 */
import { Buffer, isUtf8 } from "node:buffer"
import type { Reader, Writer } from "protobufjs/minimal.js"

/** A value that cannot be written, or bytes that cannot be read. */
export class Broken {
  readonly problem: string
  readonly path: Array<string | number> = []
  constructor(problem: string) {
    this.problem = problem
  }
}

/**
 * What was thrown below a field, with the field before its path.
 *
 * The reader throws a `RangeError` or a plain `Error` of bytes that end too early or are no varint, and the engine a
 * `RangeError` where the stack ends. Anything else is a mistake of ours, and is thrown on as it is.
 */
export const within = (error: unknown, key: string | number | undefined, index?: number): unknown => {
  const broken = error instanceof Broken ? error : brokenOf(error)
  if (broken === undefined) return error
  if (index !== undefined) broken.path.unshift(index)
  if (key !== undefined) broken.path.unshift(key)
  return broken
}

export const tooDeep = (): Broken => new Broken("The message is nested too deep")

export const expected = (what: string, got: unknown): Broken => new Broken(`Expected ${what}, got ${print(got)}`)

// --- integers of 64 bits, of which JavaScript's numbers hold 53

export const writeInt64 = (writer: Writer, value: number): void => {
  if (value >= 0 && value <= 0xFFFF_FFFF) writer.uint32(value)
  else writer.int64(value)
}

export const writeUint64 = (writer: Writer, value: number): void => {
  if (value < 0) throw expected("a uint64", value)
  writeInt64(writer, value)
}

export const writeSint64 = (writer: Writer, value: number): void => void writer.sint64(value)

export const writeFixed64 = (writer: Writer, value: number): void => {
  if (value < 0) throw expected("a fixed64", value)
  writer.fixed64(value)
}

export const writeSfixed64 = (writer: Writer, value: number): void => void writer.sfixed64(value)

export const writeBigInt64 = (writer: Writer, value: bigint): void => void writer.int64(signed(value))

export const writeBigUint64 = (writer: Writer, value: bigint): void => void writer.uint64(unsigned(value))

export const writeBigSint64 = (writer: Writer, value: bigint): void => void writer.sint64(signed(value))

export const writeBigFixed64 = (writer: Writer, value: bigint): void => void writer.fixed64(unsigned(value))

export const writeBigSfixed64 = (writer: Writer, value: bigint): void => void writer.sfixed64(signed(value))

export const readInt64 = (reader: Reader): number => {
  // Most are small, and one byte.
  const first = reader.buf[reader.pos]
  if (first < 128 && reader.pos < reader.len) {
    reader.pos++
    return first
  }
  return toSafe(reader.int64())
}

export const readUint64 = (reader: Reader): number => toSafe(reader.uint64())

export const readSint64 = (reader: Reader): number => toSafe(reader.sint64())

export const readFixed64 = (reader: Reader): number => toSafe(reader.fixed64())

export const readSfixed64 = (reader: Reader): number => toSafe(reader.sfixed64())

export const readBigInt64 = (reader: Reader): bigint => toBig(reader.int64())

export const readBigUint64 = (reader: Reader): bigint => toBig(reader.uint64())

export const readBigSint64 = (reader: Reader): bigint => toBig(reader.sint64())

export const readBigFixed64 = (reader: Reader): bigint => toBig(reader.fixed64())

export const readBigSfixed64 = (reader: Reader): bigint => toBig(reader.sfixed64())

/** As near as a number comes, for what is cut off beyond its bounds anyway. */
export const readRough64 = (reader: Reader): number => {
  const long = reader.int64()
  return typeof long === "number" ? long : long.high * 2 ** 32 + (long.low >>> 0)
}

// --- integers of 32 bits, which a schema may allow to be longer

export const toInt32 = (value: number): number => {
  if ((value | 0) !== value) throw expected("an integer of 32 bits", value)
  return value
}

export const toUint32 = (value: number): number => {
  if (value >>> 0 !== value) throw expected("a positive integer of 32 bits", value)
  return value
}

// --- strings and bytes

export const writeString = (writer: Writer, value: string): void => {
  if (!value.isWellFormed()) throw new Broken("Half a surrogate pair has no form in UTF-8")
  writer.string(value)
}

export const readString = (reader: Reader): string => {
  const length = readLength(reader)
  const { buf, pos: start } = reader
  const end = start + length
  if (end > reader.len) throw tooShort(length)
  reader.pos = end
  return length > maxShort ? readText(buf, start, end) : readShort(buf, start, end)
}

/** A copy: bytes that were a view would keep all of the message that they came in, and change with it. */
export const readBytes = (reader: Reader): Uint8Array => {
  const length = readLength(reader)
  const start = reader.pos
  if (start + length > reader.len) throw tooShort(length)
  reader.pos += length
  return new Uint8Array(reader.buf.subarray(start, reader.pos))
}

// --- messages

/** Narrows the reader to the message that begins here. Gives back where it ended before, for `reader.len`. */
export const enter = (reader: Reader): number => {
  const length = readLength(reader)
  const end = reader.pos + length
  const outer = reader.len
  if (end > outer) throw tooShort(length)
  reader.len = end
  return outer
}

/** Skips a field that nobody knows, and refuses one that is known, as another type. */
export const skip = (reader: Reader, tag: number, types: Readonly<Record<number, string>>): void => {
  const type = types[tag >>> 3]
  if (type !== undefined) throw new Broken(`Expected ${type}, got wire type ${tag & 7}`)
  reader.skipType(tag & 7, 0, tag >>> 3)
}

/** A property of its own, whatever its name. */
export const put = (record: Record<string, unknown>, key: string, value: unknown): void => {
  if (key === "__proto__") {
    Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
  } else record[key] = value
}

// ---------------------------------------------------------------------------------------------------------------------

const brokenOf = (error: unknown): Broken | undefined => {
  if (error instanceof RangeError && error.message.includes("call stack")) return tooDeep()
  return error instanceof RangeError || error instanceof Error && error.constructor === Error
    ? new Broken(`The message is broken: ${error.message}`)
    : undefined
}

const tooShort = (length: number): Broken => new Broken(`A length of ${length} bytes goes beyond the end`)

/** Half of 64 bits each, as the writer takes them. */
interface Long {
  readonly low: number
  readonly high: number
  readonly unsigned: boolean
}

const signed = (value: bigint): Long => {
  if (BigInt.asIntN(64, value) !== value) throw expected("an integer of 64 bits", value)
  return halves(value, false)
}

const unsigned = (value: bigint): Long => {
  if (BigInt.asUintN(64, value) !== value) throw expected("a positive integer of 64 bits", value)
  return halves(value, true)
}

const halves = (value: bigint, unsigned: boolean): Long => ({
  low: Number(BigInt.asIntN(32, value)),
  high: Number(BigInt.asIntN(32, value >> 32n)),
  unsigned
})

const toSafe = (long: Long | number): number => {
  if (typeof long === "number") return long
  const { low, high, unsigned } = long
  const value = (unsigned ? high >>> 0 : high) * 2 ** 32 + (low >>> 0)
  if (!Number.isSafeInteger(value)) throw expected("an integer that a number can hold", toBig(long))
  return value
}

const toBig = (long: Long | number): bigint =>
  typeof long === "number"
    ? BigInt(long)
    : (BigInt(long.unsigned ? long.high >>> 0 : long.high) << 32n) + BigInt(long.low >>> 0)

// Node's own way to text that also takes a plain `Uint8Array`; `TextDecoder` costs several times as much.
const { utf8Slice } = Buffer.prototype as unknown as {
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string
}

/** Longest text that is read byte by byte, where it is ASCII: a call of native code takes longer. */
const maxShort = 24

const readShort = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ""
  let at = start
  for (; at + 4 <= end; at += 4) {
    const a = bytes[at]
    const b = bytes[at + 1]
    const c = bytes[at + 2]
    const d = bytes[at + 3]
    if ((a | b | c | d) > 127) return readText(bytes, start, end)
    text += String.fromCharCode(a, b, c, d)
  }
  for (; at < end; at++) {
    const a = bytes[at]
    if (a > 127) return readText(bytes, start, end)
    text += String.fromCharCode(a)
  }
  return text
}

/** Most lengths are one byte. */
const readLength = (reader: Reader): number => {
  const first = reader.buf[reader.pos]
  if (first < 128 && reader.pos < reader.len) {
    reader.pos++
    return first
  }
  return reader.size()
}

const readText = (bytes: Uint8Array, start: number, end: number): string => {
  const text = utf8Slice.call(bytes, start, end)
  // Invalid bytes became U+FFFD, which is rare in real text and quick to look for.
  if (text.includes("\uFFFD") && !isUtf8(bytes.subarray(start, end))) throw new Broken("The text is not UTF-8")
  return text
}

const print = (value: unknown): string => typeof value === "bigint" ? `${value}n` : String(value)
