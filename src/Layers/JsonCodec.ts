/**
 * JSON as a codec: `application/json`.
 *
 * A schema is turned into its canonical JSON codec once, and both directions are compiled ahead of their first use; what
 * is left for each message is one check of the value and one pass of the engine's own JSON. Both directions check: a
 * value that breaks its schema never leaves, and bytes that do never arrive.
 */
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Buffer, isUtf8 } from "node:buffer"
import * as Codec from "../Codec.ts"
import * as Transforms from "../internal/json/transforms.ts"

const contentType = "application/json"

/** The bounds of a message. */
export interface Options {
  /** Longest message that is written or read, in bytes; 16 MiB unless told. */
  readonly maxBytes?: number | undefined
  /** How many objects and arrays may lie inside each other in a message that is read; 512 unless told. */
  readonly maxDepth?: number | undefined
}

/**
 * JSON as a format.
 *
 * **Details**
 *
 * A value is written as `Schema.toCodecJson` says: a `Date` is an ISO string, a `bigint` a string of digits, bytes are
 * base64, and numbers that JSON lacks are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`. Unknown properties are
 * dropped in both directions.
 *
 * `Schema.Void` is the empty message. White space, `null` and `{}` are read as it too, for peers that must send a body.
 *
 * **Gotchas**
 *
 * Bytes travel as base64, a third longer and some 20 times slower than raw: prefer a binary format where there are many.
 *
 * A schema that decodes asynchronously or throws dies: coding never waits, and a throw is a mistake in the schema.
 */
export const format = (options?: Options): Codec.Format => {
  const maxBytes = options?.maxBytes ?? 16 * 1024 * 1024
  const maxDepth = options?.maxDepth ?? 512
  const coders = new WeakMap<Codec.Wire, Codec.Coder<any>>()
  return {
    contentType,
    coder: (schema) => {
      const known = coders.get(schema)
      if (known !== undefined) return known
      const coder = makeCoder(schema, maxBytes, maxDepth)
      coders.set(schema, coder)
      return coder
    }
  }
}

/** Speaks JSON and nothing else. */
export const layer = (options?: Options): Layer.Layer<Codec.Codec> => Codec.layer(format(options))

/** Speaks JSON and nothing else, with the default bounds. */
export const JsonCodecLive: Layer.Layer<Codec.Codec> = layer()

// ---------------------------------------------------------------------------------------------------------------------

const makeCoder = <S extends Codec.Wire>(schema: S, maxBytes: number, maxDepth: number): Codec.Coder<S["Type"]> => {
  const read = (bytes: Uint8Array) => toText(bytes, maxBytes, maxDepth)
  if (schema.ast._tag === "Void" && schema.ast.encoding === undefined) return makeVoidCoder(read)
  const { decode, encode } = Transforms.make(Schema.toCodecJson(schema))
  return {
    encode: (value) => {
      const json = encode(value)
      return json._tag === "Success" ? print(json.value, maxBytes) : Transforms.refuse(json.cause, encodeFailed)
    },
    decode: (bytes) => {
      const text = read(bytes)
      if (typeof text !== "string") return text
      let json: unknown
      try {
        json = JSON.parse(text)
      } catch (error) {
        return decodeFailed(String(error))
      }
      const value = decode(json)
      return value._tag === "Success" ? value as Exit.Success<S["Type"]> : Transforms.refuse(value.cause, decodeFailed)
    }
  }
}

const makeVoidCoder = (read: (bytes: Uint8Array) => string | Refusal): Codec.Coder<void> => {
  const nothing = Exit.succeed(new Uint8Array(0))
  return {
    encode: () => nothing,
    decode: (bytes) => {
      if (bytes.length === 0) return Exit.void
      const text = read(bytes)
      if (typeof text !== "string") return text
      return ["", "null", "{}"].includes(text.trim()) ? Exit.void : decodeFailed("Expected an empty message")
    }
  }
}

type Refusal = Exit.Exit<never, Codec.CodecError>

const print = (json: unknown, maxBytes: number): Exit.Exit<Uint8Array, Codec.CodecError> => {
  let text: string | undefined
  try {
    text = JSON.stringify(json)
  } catch (error) {
    // Only under `Schema.Any`, which nothing checks: a cycle, a bigint, a `toJSON` that throws.
    return encodeFailed(String(error))
  }
  if (text === undefined) return encodeFailed(`A ${typeof json} has no form in JSON`)
  const bytes = Buffer.from(text)
  return bytes.length > maxBytes ? encodeFailed(tooLong(bytes, maxBytes)) : Exit.succeed(bytes)
}

const toText = (bytes: Uint8Array, maxBytes: number, maxDepth: number): string | Refusal => {
  if (bytes.length > maxBytes) return decodeFailed(tooLong(bytes, maxBytes))
  if (isDeeper(bytes, maxDepth)) return decodeFailed(`The message is nested more than ${maxDepth} levels deep`)
  const text = utf8Slice.call(bytes, 0, bytes.length)
  // Invalid bytes became U+FFFD, which is rare in real text and free to look for in a string of one byte a character.
  return text.includes("\uFFFD") && !isUtf8(bytes) ? decodeFailed("The message is not UTF-8") : text
}

const tooLong = (bytes: Uint8Array, maxBytes: number): string =>
  `The message has ${bytes.length} bytes, ${maxBytes} are allowed`

// Node's own way to text that also takes a plain `Uint8Array`; `TextDecoder` costs several times as much.
const { utf8Slice } = Buffer.prototype as unknown as {
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string
}

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

const encodeFailed = (problem: string): Refusal => Codec.fail("EncodeFailed", contentType, problem)

const decodeFailed = (problem: string): Refusal => Codec.fail("DecodeFailed", contentType, problem)
