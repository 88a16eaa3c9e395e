/**
 * Values of a stream, several to a message: what two processes of this library do between them.
 *
 * One pass of an engine's JSON over many small values costs a third of a pass over each. Which coders have a form for it is
 * known here and nowhere else, so that a format of somebody else's is one without.
 */
import * as Codec from "../../Codec.ts"
import * as Transforms from "../json/transforms.ts"
import * as Coder from "./coder.ts"

/** How several values are one message. */
export interface Form {
  /** Whether plain data can stand among others. What cannot goes alone. */
  readonly fits: (plain: unknown) => boolean
  /** Plain data to bytes; throws where it cannot. */
  readonly write: (plains: ReadonlyArray<unknown>) => Uint8Array
  /** Whether a message is of this form. */
  readonly isBatch: (bytes: Uint8Array) => boolean
  /** Bytes to plain data; throws where they are none. */
  readonly read: (bytes: Uint8Array) => ReadonlyArray<unknown>
}

export interface Batches {
  /** The values from one index up to another as one message; undefined where they have to go one by one. */
  readonly encode: (values: ReadonlyArray<unknown>, from: number, to: number) => Uint8Array | undefined
  readonly isBatch: (bytes: Uint8Array) => boolean
  /** Adds the values of a message to others, up to one that cannot be read, and returns why. */
  readonly decode: (bytes: Uint8Array, values: Array<unknown>) => ReturnType<Transforms.Fail> | undefined
}

/** The same coder, which has batches from now on. */
export const add = <A>(coder: Codec.Coder<A>, parts: Coder.Parts, form: Form): Codec.Coder<A> => {
  known.set(coder, make(parts, form))
  return coder
}

/** The batches of a coder, if it has any. */
export const of = (coder: Codec.Coder<any>): Batches | undefined => known.get(coder)

// ---------------------------------------------------------------------------------------------------------------------

const known = new WeakMap<Codec.Coder<any>, Batches>()

const make = (
  { contentType, explain, maxBytes, transforms }: Coder.Parts,
  { fits, isBatch, read, write }: Form
): Batches => {
  const fail: Transforms.Fail = (problem) => Codec.fail("DecodeFailed", contentType, problem)
  return {
    isBatch,
    encode: (values, from, to) => {
      const plains: Array<unknown> = []
      for (let index = from; index < to; index++) {
        const plain = transforms.encode(values[index])
        // The coder itself says what is wrong with it, once its turn has come.
        if (plain._tag === "Failure" || !fits(plain.value)) return undefined
        plains.push(plain.value)
      }
      try {
        const bytes = write(plains)
        return bytes.length > maxBytes ? undefined : bytes
      } catch {
        return undefined
      }
    },
    decode: (bytes, values) => {
      if (bytes.length > maxBytes) return fail(Coder.tooLong(bytes, maxBytes))
      let plains: ReadonlyArray<unknown>
      try {
        plains = read(bytes)
      } catch (error) {
        return explain(error, fail)
      }
      for (const plain of plains) {
        const value = transforms.decode(plain)
        if (value._tag === "Failure") return Transforms.refuse(value.cause, fail)
        values.push(value.value)
      }
      return undefined
    }
  }
}
