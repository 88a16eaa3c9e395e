/**
 * What all formats have in common: a schema becomes a codec to plain data, which is compiled once and checks both ways;
 * plain data becomes bytes; and a message has a longest length.
 */
import * as Exit from "effect/Exit"
import * as Codec from "../../Codec.ts"
import * as Transforms from "../json/transforms.ts"
import * as Batches from "./batches.ts"
import * as Coder from "./coder.ts"

/** What makes a format that one. */
export interface Options {
  readonly contentType: string
  /** Longest message that is written or read, in bytes; 16 MiB unless told. */
  readonly maxBytes: number | undefined
  /** The codec from values to plain data. Throws where the format has no form for the schema. */
  readonly codec: (schema: Codec.Wire) => Codec.Wire
  /** Plain data to bytes; throws where it cannot. */
  readonly write: (plain: any) => Uint8Array
  /** Bytes to plain data; throws where they are none. */
  readonly read: (bytes: Uint8Array) => unknown
  /** Whether the bytes are a message of nothing; the empty message is in any case. */
  readonly isNothing?: ((bytes: Uint8Array) => boolean) | undefined
  /** How several values are one message, where there is a form for it. */
  readonly batches?: Batches.Form | undefined
}

/** Makes a format. The coder of a schema is made once, and `Schema.Void` is the empty message. */
export const make = (options: Options): Codec.Format => {
  const coders = new WeakMap<Codec.Wire, Codec.Coder<any>>()
  const maxBytes = options.maxBytes ?? 16 * 1024 * 1024
  const makeCoder = (schema: Codec.Wire) => {
    const parts: Coder.Parts = {
      ...options,
      maxBytes,
      transforms: Transforms.make(options.codec(schema)),
      explain: (error, fail) => fail(String(error))
    }
    const coder = Coder.make(parts)
    return options.batches === undefined ? coder : Batches.add(coder, parts, options.batches)
  }
  return {
    contentType: options.contentType,
    coder: (schema) => {
      const known = coders.get(schema)
      if (known !== undefined) return known
      const isVoid = schema.ast._tag === "Void" && schema.ast.encoding === undefined
      const coder = isVoid ? makeNothing(options, maxBytes) : makeCoder(schema)
      coders.set(schema, coder)
      return coder
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const makeNothing = ({ contentType, isNothing }: Options, maxBytes: number): Codec.Coder<void> => {
  const nothing = Exit.succeed(new Uint8Array(0))
  const decodeFailed = (problem: string) => Codec.fail("DecodeFailed", contentType, problem)
  return {
    encode: () => nothing,
    decode: (bytes) => {
      if (bytes.length === 0) return Exit.void
      if (bytes.length > maxBytes) return decodeFailed(Coder.tooLong(bytes, maxBytes))
      try {
        return isNothing?.(bytes) === true ? Exit.void : decodeFailed("Expected an empty message")
      } catch (error) {
        return decodeFailed(String(error))
      }
    }
  }
}
