/**
 * Protocol Buffers as a codec: `application/protobuf`, out of the schemas of a contract.
 *
 * A schema becomes a message type once, with a writer and a reader generated for it, over those of `protobufjs`. Both
 * directions check, as every codec does: a value that breaks its schema never leaves, and bytes that do never arrive.
 * `Protobuf.print` gives the `.proto` file of a contract to people who use other languages.
 */
import type * as Layer from "effect/Layer"
import * as Codec from "../Codec.ts"
import { makeCoder } from "../internal/protobuf/coder.ts"

/** The bounds of a message. */
export interface Options {
  /** Longest message that is written or read, in bytes; 16 MiB unless told. */
  readonly maxBytes?: number | undefined
  /** How many messages may lie inside each other; 100 unless told, as in other languages. */
  readonly maxDepth?: number | undefined
  /** What the format goes by, such as `application/x-protobuf`; `application/protobuf` unless told. */
  readonly contentType?: string | undefined
}

/**
 * Protocol Buffers as a format.
 *
 * **Details**
 *
 * Field numbers are those that `Protobuf.field` says, else they follow the order of declaration. Unknown fields are
 * skipped. A scalar that is missing is zero, empty or false; a message or a literal that is missing is refused, unless
 * its schema lets it be absent. The same field of a scalar twice counts once, the last time; a message twice is
 * refused.
 *
 * **Gotchas**
 *
 * To reorder the fields of a schema, or the members of a union, is to change the wire: `Protobuf.compare` tells.
 *
 * An optional property that is there and `undefined` arrives as a property that is missing.
 *
 * A schema that protobuf cannot express dies when its coder is made, which is when a client or a server is built.
 */
export const format = (options?: Options): Codec.Format => {
  const limits = {
    contentType: options?.contentType ?? "application/protobuf",
    maxBytes: options?.maxBytes ?? 16 * 1024 * 1024,
    maxDepth: options?.maxDepth ?? 100
  }
  const coders = new WeakMap<Codec.Wire, Codec.Coder<any>>()
  return {
    contentType: limits.contentType,
    coder: (schema) => {
      const known = coders.get(schema)
      if (known !== undefined) return known
      const coder = makeCoder(schema, limits)
      coders.set(schema, coder)
      return coder
    }
  }
}

/** Speaks Protocol Buffers and nothing else. */
export const layer = (options?: Options): Layer.Layer<Codec.Codec> => Codec.layer(format(options))

/** Speaks Protocol Buffers and nothing else, with the default bounds. */
export const ProtobufCodecLive: Layer.Layer<Codec.Codec> = layer()
