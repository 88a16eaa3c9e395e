/**
 * What has come of frames that come in parts: one of a call at most, and so many of all calls.
 */
import { headSize, maxSplits, partSize, partsWindow, readU32, splitSize, Type } from "./frames.ts"

/** A frame of which some has come. */
export interface Split {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly size: number
  /** Its own part; nothing of one that is over the limit, which is only counted. */
  readonly bytes: Buffer | undefined
  filled: number
}

export interface Reassembly {
  /** Takes the own part of a `Split` frame; nothing where it makes no sense. */
  readonly begin: (id: number, bytes: Buffer, start: number, end: number) => Split | undefined
  readonly get: (id: number) => Split | undefined
  /** Takes note of a part, be it of a frame that is dropped. False where it may not come. */
  readonly admit: (split: Split | undefined, length: number) => boolean
  readonly drop: (id: number) => boolean
}

/** Puts frames of at most so many bytes together. `grant` lets so many more of them come. */
export const make = (maxFrame: number, grant: (bytes: number) => void): Reassembly => {
  const splits = new Map<number, Split>()
  let allowance = partsWindow
  let owed = 0
  return {
    begin: (id, bytes, start, end) => {
      const first = start + splitSize
      const size = first > end ? 0 : readU32(bytes, start + 2)
      const type = bytes[start]
      const isSense = divisible.has(type) && size > end - first && !splits.has(id) && splits.size < maxSplits
      if (!isSense) return undefined
      const own = headSize - 4 + size > maxFrame ? undefined : Buffer.allocUnsafe(size)
      if (own !== undefined) bytes.copy(own, 0, first, end)
      const split: Split = { type, flags: bytes[start + 1], id, size, bytes: own, filled: end - first }
      splits.set(id, split)
      return split
    },
    get: (id) => splits.get(id),
    admit: (split, length) => {
      if (allowance <= 0 || length > partSize || (split !== undefined && length > split.size - split.filled)) {
        return false
      }
      allowance -= length
      owed += length
      if (owed < partsWindow / 2) return true
      allowance += owed
      grant(owed)
      owed = 0
      return true
    },
    drop: (id) => splits.size > 0 && splits.delete(id)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const divisible: ReadonlySet<number> = new Set([Type.Open, Type.Message, Type.Failure])
