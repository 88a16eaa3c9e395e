/**
 * A look at MessagePack before it is decoded.
 *
 * A decoder believes the lengths that it reads, and makes room for four thousand million elements on the word of five
 * bytes. It also knows extensions that are no business of a stranger. So a message is walked once, without building
 * anything: what it holds must be there, no deeper than allowed, and nothing but plain data.
 */
import { isUtf8 } from "node:buffer"

/** Throws where the bytes are not exactly one value of plain data. */
export const check = (bytes: Uint8Array, maxDepth: number): void => {
  const walk: Walk = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0, maxDepth }
  value(walk, 0)
  if (walk.at !== bytes.length) throw new Error(`${bytes.length - walk.at} bytes follow the value`)
}

// ---------------------------------------------------------------------------------------------------------------------

interface Walk {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly maxDepth: number
  at: number
}

const value = (walk: Walk, depth: number): void => {
  const head = walk.bytes[advance(walk, 1)]
  if (head < 0x80 || head >= 0xE0) return
  if (head < 0x90) return map(walk, head & 0x0F, depth)
  if (head < 0xA0) return array(walk, head & 0x0F, depth)
  if (head < 0xC0) return text(walk, head & 0x1F)
  switch (head) {
    case 0xC0:
    case 0xC2:
    case 0xC3:
      return
    case 0xC4:
    case 0xC5:
    case 0xC6:
      advance(walk, unsigned(walk, head - 0xC4))
      return
    case 0xCA:
    case 0xCB:
      advance(walk, head === 0xCA ? 4 : 8)
      return
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
      advance(walk, 1 << (head & 3))
      return
    case 0xD9:
    case 0xDA:
    case 0xDB:
      return text(walk, unsigned(walk, head - 0xD9))
    case 0xDC:
    case 0xDD:
      return array(walk, unsigned(walk, head - 0xDC + 1), depth)
    case 0xDE:
    case 0xDF:
      return map(walk, unsigned(walk, head - 0xDE + 1), depth)
    default:
      throw new Error(`A value of type 0x${head.toString(16)} is not plain data`)
  }
}

/** Goes on by so many bytes, which must be there; returns where they start. */
const advance = (walk: Walk, length: number): number => {
  const from = walk.at
  if (length > walk.bytes.length - from) throw new Error("The message ends before its values do")
  walk.at = from + length
  return from
}

/** A length of one, two or four bytes. */
const unsigned = (walk: Walk, size: number): number => {
  const at = advance(walk, 1 << size)
  return size === 0 ? walk.view.getUint8(at) : size === 1 ? walk.view.getUint16(at) : walk.view.getUint32(at)
}

const text = (walk: Walk, length: number): void => {
  const from = advance(walk, length)
  // To ask for a view costs more than to look at a short text, which is mostly ASCII.
  if (length > 32 || !isAscii(walk.bytes, from, walk.at)) {
    if (!isUtf8(walk.bytes.subarray(from, walk.at))) throw new Error("A text is not UTF-8")
  }
}

const isAscii = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at++) if (bytes[at] > 0x7F) return false
  return true
}

const array = (walk: Walk, length: number, depth: number): void => {
  enter(walk, length, depth)
  for (let i = 0; i < length; i++) value(walk, depth + 1)
}

const map = (walk: Walk, length: number, depth: number): void => {
  enter(walk, 2 * length, depth)
  for (let i = 0; i < length; i++) {
    key(walk)
    value(walk, depth + 1)
  }
}

// Each value takes a byte at least, so a length that lies is known before anybody makes room for it.
const enter = (walk: Walk, values: number, depth: number): void => {
  if (depth >= walk.maxDepth) throw new Error(`The message is nested more than ${walk.maxDepth} levels deep`)
  if (values > walk.bytes.length - walk.at) throw new Error("The message ends before its values do")
}

const key = (walk: Walk): void => {
  const head = walk.bytes[advance(walk, 1)]
  const isShort = head >= 0xA0 && head < 0xC0
  if (!isShort && !(head >= 0xD9 && head <= 0xDB)) throw new Error("A key is not a text")
  const length = isShort ? head & 0x1F : unsigned(walk, head - 0xD9)
  text(walk, length)
  // The decoder would rename it.
  if (length === proto.length && isProto(walk.bytes, walk.at - length)) throw new Error("A key is __proto__")
}

const proto = new TextEncoder().encode("__proto__")

const isProto = (bytes: Uint8Array, from: number): boolean => proto.every((byte, i) => bytes[from + i] === byte)
