/**
 * What all formats have in common: a schema becomes a codec to plain data, which is compiled once and checks both ways;
 * plain data becomes bytes; and a message has a longest length.
 */
import * as Exit from "effect/Exit"
import * as Codec from "../../Codec.ts"
import * as Transforms from "../json/transforms.ts"

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
}

/** Makes a format. The coder of a schema is made once, and `Schema.Void` is the empty message. */
export const make = (options: Options): Codec.Format => {
  const coders = new WeakMap<Codec.Wire, Codec.Coder<any>>()
  const context: Context = {
    options,
    maxBytes: options.maxBytes ?? 16 * 1024 * 1024,
    encodeFailed: (problem) => Codec.fail("EncodeFailed", options.contentType, problem),
    decodeFailed: (problem) => Codec.fail("DecodeFailed", options.contentType, problem)
  }
  return {
    contentType: options.contentType,
    coder: (schema) => {
      const known = coders.get(schema)
      if (known !== undefined) return known
      const isVoid = schema.ast._tag === "Void" && schema.ast.encoding === undefined
      const coder = isVoid ? makeNothing(context) : makeCoder(context, options.codec(schema))
      coders.set(schema, coder)
      return coder
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Context {
  readonly options: Options
  readonly maxBytes: number
  readonly encodeFailed: Transforms.Fail
  readonly decodeFailed: Transforms.Fail
}

const makeCoder = (
  { decodeFailed, encodeFailed, maxBytes, options: { read, write } }: Context,
  codec: Codec.Wire
): Codec.Coder<any> => {
  const { decode, encode } = Transforms.make(codec)
  return {
    encode: (value) => {
      const plain = encode(value)
      if (plain._tag === "Failure") return Transforms.refuse(plain.cause, encodeFailed)
      let bytes: Uint8Array
      try {
        bytes = write(plain.value)
      } catch (error) {
        return encodeFailed(String(error))
      }
      return bytes.length > maxBytes ? encodeFailed(tooLong(bytes, maxBytes)) : Exit.succeed(bytes)
    },
    decode: (bytes) => {
      if (bytes.length > maxBytes) return decodeFailed(tooLong(bytes, maxBytes))
      let plain: unknown
      try {
        plain = read(bytes)
      } catch (error) {
        return decodeFailed(String(error))
      }
      const value = decode(plain)
      return value._tag === "Success" ? value as Exit.Success<any> : Transforms.refuse(value.cause, decodeFailed)
    }
  }
}

const makeNothing = ({ decodeFailed, maxBytes, options: { isNothing } }: Context): Codec.Coder<void> => {
  const nothing = Exit.succeed(new Uint8Array(0))
  return {
    encode: () => nothing,
    decode: (bytes) => {
      if (bytes.length === 0) return Exit.void
      if (bytes.length > maxBytes) return decodeFailed(tooLong(bytes, maxBytes))
      try {
        return isNothing?.(bytes) === true ? Exit.void : decodeFailed("Expected an empty message")
      } catch (error) {
        return decodeFailed(String(error))
      }
    }
  }
}

const tooLong = (bytes: Uint8Array, maxBytes: number): string =>
  `The message has ${bytes.length} bytes, ${maxBytes} are allowed`
