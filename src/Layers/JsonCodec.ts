/**
 * JSON as a codec: `application/json`.
 *
 * A schema is turned into its canonical JSON codec once, and both directions are compiled ahead of their first use; what
 * is left for each message is one check of the value and one pass of the engine's own JSON. Both directions check: a
 * value that breaks its schema never leaves, and bytes that do never arrive.
 */
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Codec from "../Codec.ts"
import * as Format from "../internal/codec/format.ts"
import * as RawBytes from "../internal/codec/rawBytes.ts"
import * as GoDialects from "../internal/json/goDialects.ts"
import * as Lists from "../internal/json/lists.ts"
import * as Parts from "../internal/json/parts.ts"
import * as JsonText from "../internal/json/text.ts"

/** The bounds of a message, and how it is read. */
export interface Options {
  /** Longest message that is written or read, in bytes; 16 MiB unless told. */
  readonly maxBytes?: number | undefined
  /** How many objects and arrays may lie inside each other in a message that is read; 512 unless told. */
  readonly maxDepth?: number | undefined
  /** What is read: canonical JSON unless told, or `"go"`, also what services of Go write. */
  readonly reads?: "canonical" | "go" | undefined
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
 * With `reads: "go"` a name may also come in the other case (`user_id` for `userId`), a `bigint` as a number and a whole
 * number as digits, and `null` for an empty list or map, as Go Micro's services write them. It costs about as much again
 * as reading; what is written stays canonical. An enum is read by its name alone: a schema does not know the number.
 *
 * Of a name that occurs twice in one object the last one counts, as for every reader built on `JSON.parse`. Half of a
 * surrogate pair travels as its escape. Minus zero is written as `0`.
 *
 * `Schema.Void` is the empty message. White space, `null` and `{}` are read as it too, for peers that must send a body.
 *
 * **Gotchas**
 *
 * Bytes travel as base64, a third longer and some 20 times slower than raw: prefer a binary format where there are many.
 * Between two processes of this library they do not, nor is a long text escaped: both stand beside the JSON as they are.
 *
 * A schema that decodes asynchronously or throws dies: coding never waits, and a throw is a mistake in the schema.
 */
export const format = (options?: Options): Codec.Format => {
  const maxDepth = options?.maxDepth ?? 512
  const common = {
    maxBytes: options?.maxBytes,
    isNothing: (bytes: Uint8Array) => ["", "null", "{}"].includes(JsonText.read(bytes, maxDepth).trim())
  }
  const direct = Format.make({
    ...common,
    contentType: "application/x-json-parts",
    codec: RawBytes.make,
    write: Parts.write,
    read: (bytes) => Parts.read(bytes, maxDepth),
    batches: Lists.make(maxDepth)
  })
  const json = Format.make({
    ...common,
    contentType: "application/json",
    codec: options?.reads === "go" ? GoDialects.make : Schema.toCodecJson,
    write: JsonText.write,
    read: (bytes) => JSON.parse(JsonText.read(bytes, maxDepth))
  })
  return { ...json, direct }
}

/** Speaks JSON and nothing else. */
export const layer = (options?: Options): Layer.Layer<Codec.Codec> => Codec.layer(format(options))

/** Speaks JSON and nothing else, with the default bounds. */
export const JsonCodecLive: Layer.Layer<Codec.Codec> = layer()
