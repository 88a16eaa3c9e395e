/**
 * Values of a stream, several to a message: small ones that are there at the same time.
 *
 * Only a lane knows whether the other side reads that, and how long a message it takes. Where it does not tell each value
 * is a message.
 */
import type { Coder } from "../../Codec.ts"
import * as Batches from "../codec/batches.ts"

export interface Packing {
  /** The values from an index on as one message, as far as `next`; undefined where the value there goes alone. */
  readonly pack: (values: ReadonlyArray<unknown>, from: number) => Uint8Array | undefined
  /** The index of the first value that has not been packed. */
  next: number
}

/** The packing of values for who takes messages of so many bytes, if there is one. */
export const make = (room: number | undefined, coder: Coder<any>): Packing | undefined => {
  const batches = room === undefined ? undefined : Batches.of(coder)
  if (room === undefined || batches === undefined) return undefined
  const goal = Math.min(room, enough)
  // What a value takes, as far as the last message tells.
  let size = goal / first
  let unfit: ReadonlyArray<unknown> | undefined
  const packing: Packing = {
    next: 0,
    pack: (values, from) => {
      const fit = Math.floor(goal / size)
      const count = Math.min(values.length - from, fit)
      // Those that come may be smaller.
      if (fit < 2) size *= 0.9
      if (count < 2 || values === unfit) return undefined
      const bytes = batches.encode(values, from, from + count)
      if (bytes === undefined) {
        unfit = values
        return undefined
      }
      size = bytes.length / count
      packing.next = from + count
      return bytes.length > room ? undefined : bytes
    }
  }
  return packing
}

// ---------------------------------------------------------------------------------------------------------------------

/**
 * Bytes of a message that are enough: with more of them it gets no cheaper, and who reads it waits, and has to look how
 * deep it is nested.
 */
const enough = 1000

/** Values of the first message: from then on it is known what they take. */
const first = 16
