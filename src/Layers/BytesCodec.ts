/**
 * Bytes as they are: `application/octet-stream`.
 *
 * For a file, an image, a message of somebody else's: the payload is the message, and nothing is copied.
 */
import { identity } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Codec from "../Codec.ts"
import * as Format from "../internal/codec/format.ts"

/** The bounds of a message. */
export interface Options {
  /** Longest message that is written or read, in bytes; 16 MiB unless told. */
  readonly maxBytes?: number | undefined
}

/**
 * Bytes as a format.
 *
 * **Details**
 *
 * It has a form for schemas that are encoded as `Uint8Array`, and for `Schema.Void`, which is the empty message. Any
 * other is refused when its coder is made: where this is the preferred format, when the client or server is built.
 * Behind another format, as in `Codec.layer(JsonCodec.format(), BytesCodec.format())`, it serves the methods that it can.
 *
 * **Gotchas**
 *
 * What is decoded is the memory that arrived, not a copy.
 */
export const format = (options?: Options): Codec.Format =>
  Format.make({
    contentType: "application/octet-stream",
    maxBytes: options?.maxBytes,
    codec: (schema) => {
      if (isBytes(SchemaAST.toEncoded(schema.ast))) return schema
      throw new Error("only a Uint8Array is bytes by itself")
    },
    write: identity,
    read: identity
  })

/** Speaks bytes and nothing else: for contracts that need nothing else. */
export const layer = (options?: Options): Layer.Layer<Codec.Codec> => Codec.layer(format(options))

/** Speaks bytes and nothing else, with the default bounds. */
export const BytesCodecLive: Layer.Layer<Codec.Codec> = layer()

// ---------------------------------------------------------------------------------------------------------------------

// A declaration is known by what it runs; annotations and checks make another object of the same.
const isBytes = (ast: SchemaAST.AST): boolean => ast._tag === "Declaration" && ast.run === Schema.Uint8Array.ast.run
