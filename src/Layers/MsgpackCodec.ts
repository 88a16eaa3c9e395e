/**
 * MessagePack as a codec: `application/msgpack`, on the optional peer dependency `msgpackr`.
 */
import type * as Layer from "effect/Layer"
import { Packr } from "msgpackr"
import { Buffer } from "node:buffer"
import * as Codec from "../Codec.ts"
import * as Format from "../internal/codec/format.ts"
import * as MessagePack from "../internal/codec/messagePack.ts"
import * as RawBytes from "../internal/codec/rawBytes.ts"

/** The bounds of a message. */
export interface Options {
  /** Longest message that is written or read, in bytes; 16 MiB unless told. */
  readonly maxBytes?: number | undefined
  /** How many maps and arrays may lie inside each other in a message that is read; 512 unless told. */
  readonly maxDepth?: number | undefined
}

/**
 * MessagePack as a format.
 *
 * **Details**
 *
 * A value is written as JSON would write it, by names, but that bytes are bytes: a `Date` is an ISO string, a `bigint` a
 * string of digits. No extension is written or read, so every implementation of MessagePack will do at the other end.
 *
 * **Gotchas**
 *
 * Half of a surrogate pair and a key `__proto__`, which the package would change, are refused.
 */
export const format = (options?: Options): Codec.Format => {
  const maxDepth = options?.maxDepth ?? 512
  const packr = new Packr({ useRecords: false, mapsAsObjects: true, variableMapSize: true, int64AsType: "number" })
  return Format.make({
    contentType: "application/msgpack",
    maxBytes: options?.maxBytes,
    codec: RawBytes.make,
    write: (plain) => written(plain, packr.pack(plain)),
    read: (bytes) => {
      MessagePack.check(bytes, maxDepth)
      return packr.unpack(bytes)
    }
  })
}

/** Speaks MessagePack and nothing else. */
export const layer = (options?: Options): Layer.Layer<Codec.Codec> => Codec.layer(format(options))

/** Speaks MessagePack and nothing else, with the default bounds. */
export const MsgpackCodecLive: Layer.Layer<Codec.Codec> = layer()

// ---------------------------------------------------------------------------------------------------------------------

/** The bytes, unless they hold what would not be read as it was: half of a surrogate pair, a key `__proto__`. */
const written = (plain: unknown, bytes: Buffer): Uint8Array => {
  if (signs.some((sign) => bytes.includes(sign))) refuse(plain)
  return bytes
}

// Cheap to look for, and rare: a half begins with 0xED, as some text of Korean does, or has become U+FFFD.
const signs = [0xED, Buffer.from("\uFFFD"), Buffer.from("__proto__")]

const refuse = (plain: unknown): void => {
  if (typeof plain === "string" && !plain.isWellFormed()) throw new Error("A text holds half of a surrogate pair")
  if (typeof plain !== "object" || plain === null || plain instanceof Uint8Array) return
  for (const [name, value] of Object.entries(plain)) {
    if (name === "__proto__") throw new Error("A key is __proto__")
    refuse(name)
    refuse(value)
  }
}
