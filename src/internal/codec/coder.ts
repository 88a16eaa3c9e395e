/**
 * A coder out of its parts: values to plain data, which is checked, and plain data to bytes, of which there may be so many.
 */
import * as Exit from "effect/Exit"
import * as Codec from "../../Codec.ts"
import * as Transforms from "../json/transforms.ts"

/** What a coder is made of. */
export interface Parts {
  readonly contentType: string
  /** Longest message that is written or read, in bytes. */
  readonly maxBytes: number
  readonly transforms: Transforms.Transforms
  /** Plain data to bytes; throws where it cannot. */
  readonly write: (plain: any) => Uint8Array
  /** Bytes to plain data; throws where they are none. */
  readonly read: (bytes: Uint8Array) => unknown
  /** What was thrown, as the failure of the coder. */
  readonly explain: (error: unknown, fail: Transforms.Fail) => ReturnType<Transforms.Fail>
}

// Erased: the schema that the transforms come from says what the values are.
/** The coder of these parts. */
export const make = ({ contentType, explain, maxBytes, read, transforms, write }: Parts): Codec.Coder<any> => {
  const { decode, encode } = transforms
  const encodeFailed: Transforms.Fail = (problem) => Codec.fail("EncodeFailed", contentType, problem)
  const decodeFailed: Transforms.Fail = (problem) => Codec.fail("DecodeFailed", contentType, problem)
  return {
    encode: (value) => {
      const plain = encode(value)
      if (plain._tag === "Failure") return Transforms.refuse(plain.cause, encodeFailed)
      let bytes: Uint8Array
      try {
        bytes = write(plain.value)
      } catch (error) {
        return explain(error, encodeFailed)
      }
      return bytes.length > maxBytes ? encodeFailed(tooLong(bytes, maxBytes)) : Exit.succeed(bytes)
    },
    decode: (bytes) => {
      if (bytes.length > maxBytes) return decodeFailed(tooLong(bytes, maxBytes))
      let plain: unknown
      try {
        plain = read(bytes)
      } catch (error) {
        return explain(error, decodeFailed)
      }
      const value = decode(plain)
      return value._tag === "Success" ? value as Exit.Success<any> : Transforms.refuse(value.cause, decodeFailed)
    }
  }
}

/** What is said of a message that is over the limit. */
export const tooLong = ({ length }: Uint8Array, maxBytes: number): string =>
  `The message has ${length} bytes, ${maxBytes} are allowed`
