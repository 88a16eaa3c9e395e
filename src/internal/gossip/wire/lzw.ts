/**
 * LZW as GIF has it: literals of 8 bits, codes of 9 to 12 bits, the least significant bit first.
 *
 * Written exactly as Go's `compress/lzw` writes, and read whoever wrote it, up to a length that the reader sets.
 */
import { Buffer } from "node:buffer"
import { fail } from "./problem.ts"
import * as Steps from "./steps.ts"

export const compress = (bytes: Uint8Array): Uint8Array => Steps.run(compressing(bytes))

/** Fails as soon as the result is longer than `most`. */
export const decompress = (bytes: Uint8Array, most: number): Uint8Array => Steps.run(decompressing(bytes, most))

export function* compressing(bytes: Uint8Array): Steps.Steps<Uint8Array> {
  const bits = makeBits(bytes.length)
  const table = new Uint32Array(tableSize)
  let width = 9
  let highest = End
  let overflow = 512
  /** Whether a number was left for another sequence. */
  const grow = (): boolean => {
    highest++
    if (highest === overflow) {
      width++
      overflow <<= 1
    }
    if (highest < maxCode) return true
    bits.write(Clear, width)
    width = 9
    highest = End
    overflow = 512
    table.fill(0)
    return false
  }
  bits.write(Clear, width)
  let code = bytes[0]
  for (let at = 1; at < bytes.length; at++) {
    if (at % Steps.bytes === 0) yield
    const literal = bytes[at]!
    const key = code! << 8 | literal
    let slot = (key >> 12 ^ key) & tableMask
    while (table[slot] !== 0 && table[slot]! >>> 12 !== key) slot = slot + 1 & tableMask
    if (table[slot] !== 0) {
      code = table[slot]! & maxCode
      continue
    }
    bits.write(code!, width)
    code = literal
    if (grow()) table[slot] = key << 12 | highest
  }
  if (code !== undefined) {
    bits.write(code, width)
    grow()
  }
  bits.write(End, width)
  return bits.flush()
}

export function* decompressing(bytes: Uint8Array, most: number): Steps.Steps<Uint8Array> {
  const output = makeOutput(most)
  const prefix = new Uint16Array(maxCode + 1)
  const suffix = new Uint8Array(maxCode + 1)
  const spelled = new Uint8Array(maxCode + 1)
  let [width, highest, last, at, held, count, due] = [9, End, None, 0, 0, 0, Steps.bytes]
  for (;;) {
    // By either length: a few codes may spell much, and many nothing.
    if (output.size() + at >= due) {
      yield
      due += Steps.bytes
    }
    while (count < width) {
      if (at === bytes.length) fail("Garbled", "Compressed bytes end before they say so")
      held |= bytes[at++]! << count
      count += 8
    }
    const code = held & (1 << width) - 1
    held >>>= width
    count -= width
    if (code === End) return output.bytes()
    if (code === Clear) {
      width = 9
      highest = End
      last = None
      continue
    }
    if (code > highest || code === highest && last === None) fail("Garbled", "Compressed bytes use an unknown code")
    // Spelled from its end. The code that is just being defined is the last sequence, and its own first byte again.
    let start = maxCode + 1
    let walk = code
    if (code === highest) {
      walk = last
      start--
    }
    while (walk >= Clear) {
      spelled[--start] = suffix[walk]!
      walk = prefix[walk]!
    }
    spelled[--start] = walk
    if (code === highest) spelled[maxCode] = walk
    if (last !== None) {
      suffix[highest] = walk
      prefix[highest] = last
    }
    output.add(spelled.subarray(start))
    last = code
    if (++highest < 1 << width) continue
    if (width < 12) width++
    else {
      last = None
      highest--
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const Clear = 256
const End = 257
const None = -1
const maxCode = 4095

// Open addressing: at most a quarter is taken before it is emptied.
const tableSize = 16_384
const tableMask = tableSize - 1

const makeBits = (length: number) => {
  // Nine bits for eight at worst, a clear code for every 3800 sequences, and the end.
  const bytes = Buffer.allocUnsafe(Math.ceil(length * 1.5) + 16)
  let at = 0
  let held = 0
  let count = 0
  return {
    write: (code: number, width: number): void => {
      held |= code << count
      count += width
      while (count >= 8) {
        bytes[at++] = held & 255
        held >>>= 8
        count -= 8
      }
    },
    flush: (): Uint8Array => {
      if (count > 0) bytes[at++] = held & 255
      return bytes.subarray(0, at)
    }
  }
}

const makeOutput = (most: number) => {
  let buffer = Buffer.allocUnsafe(Math.min(most, 4096))
  let length = 0
  return {
    add: (bytes: Uint8Array): void => {
      const end = length + bytes.length
      if (end > most) fail("TooLarge", `A compressed message has more than ${most} bytes`)
      if (end > buffer.length) {
        const larger = Buffer.allocUnsafe(Math.min(most, Math.max(end, buffer.length * 2)))
        buffer.copy(larger, 0, 0, length)
        buffer = larger
      }
      buffer.set(bytes, length)
      length = end
    },
    size: () => length,
    bytes: (): Uint8Array => buffer.subarray(0, length)
  }
}
