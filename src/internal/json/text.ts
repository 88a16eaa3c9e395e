/** Plain data as the text of JSON, in UTF-8, and how deep such a text may go. */
import { Buffer } from "node:buffer"
import * as Utf8 from "../codec/utf8.ts"

/** Writes plain data; throws where JSON has no form for it. */
export const write = (plain: unknown): Uint8Array => {
  // What nothing checked, under `Schema.Any`, makes this throw: a cycle, a bigint, a `toJSON` that throws.
  const text: string | undefined = JSON.stringify(plain)
  if (text === undefined) throw new Error(`A ${typeof plain} has no form in JSON`)
  return Buffer.from(text)
}

/** The text of a message; throws where it is not UTF-8, or nested more deeply than allowed. */
export const read = (bytes: Uint8Array, maxDepth: number): string => {
  if (isDeeper(bytes, maxDepth)) throw new Error(`The message is nested more than ${maxDepth} levels deep`)
  return Utf8.read(bytes)
}

// ---------------------------------------------------------------------------------------------------------------------

/**
 * Whether brackets lie deeper inside each other than allowed, whatever else the bytes are.
 *
 * The engine parses any depth, but schemas (of trees, of unknown values) walk the result by recursion.
 */
const isDeeper = (bytes: Uint8Array, maxDepth: number): boolean => {
  const length = bytes.length
  // Each level takes two bytes, so short messages, which are most, need no look.
  if (length < 2 * maxDepth) return false
  let depth = 0
  for (let at = 0; at < length; at++) {
    const byte = bytes[at]
    if (byte === 0x22) at = endOfString(bytes, at)
    else if (byte === 0x5B || byte === 0x7B) {
      if (++depth > maxDepth) return true
    } else if (byte === 0x5D || byte === 0x7D) depth--
  }
  return false
}

/** Where the string that starts at `from` ends. Each byte is looked at twice at most. */
const endOfString = (bytes: Uint8Array, from: number): number => {
  let at = from
  for (;;) {
    at = quoteAfter(bytes, at)
    let backslashes = 0
    while (bytes[at - 1 - backslashes] === 0x5C) backslashes++
    if (backslashes % 2 === 0) return at
  }
}

const quoteAfter = (bytes: Uint8Array, from: number): number => {
  // The native search wins only where the string is long.
  const near = Math.min(from + 32, bytes.length)
  for (let at = from + 1; at < near; at++) if (bytes[at] === 0x22) return at
  const far = bytes.indexOf(0x22, near)
  return far === -1 ? bytes.length : far
}
