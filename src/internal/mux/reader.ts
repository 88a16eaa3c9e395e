/**
 * Bytes of a socket to frames, in place: a frame that lies whole in what was read is not copied, and one that comes in
 * parts is copied once. One of more than 64 KiB always lies in memory of its own (`memory.ts`).
 *
 * A frame that is over the limit is told of by its head and then skipped, so that one call fails and not all of them; a
 * stream of bytes that makes no sense ends the connection.
 */
import * as Memory from "../memory.ts"
import { headSize, readU32, Type } from "./frames.ts"
import * as Reassembly from "./reassembly.ts"

export interface Frames {
  /** A whole frame; what is its own lies in `bytes` from `start` to `end`. */
  readonly frame: (type: number, flags: number, id: number, bytes: Buffer, start: number, end: number) => void
  /** A frame whose own part of so many bytes is over the limit. Its bytes are skipped; of one in parts, unless it is dropped. */
  readonly oversized: (type: number, flags: number, id: number, size: number, inParts: boolean) => void
  /** The last part of a frame that was over the limit. */
  readonly skipped: (type: number, flags: number, id: number) => void
  /** So many bytes have come in parts, and as many more may. */
  readonly grant: (bytes: number) => void
  /** Whether anybody waits for what is to come in parts. */
  readonly isExpected: (type: number, id: number) => boolean
  /** All frames of one read have been told of. */
  readonly settled: () => void
  /** These are no frames. */
  readonly garbage: (problem: string) => void
}

export interface Reader {
  /**
   * Takes what a socket reads, and frees its memory where no frame was told of that lies in it; memory that is shared is
   * left as it is, and nothing is told of that lies there. Returns false once there is no point in reading on.
   */
  readonly read: (chunk: Buffer, isShared?: boolean) => boolean
  /** Forgets what has come of a call's frame, whose rest will not come or is of no use. True where there was one. */
  readonly drop: (id: number) => boolean
}

/** No honest frame is as large as this: whoever announces one speaks another protocol. */
const absurd = 1024 * 1024 * 1024

export const make = (maxFrame: number, frames: Frames): Reader => {
  const head = Buffer.allocUnsafe(headSize)
  let headFilled = 0
  let partial: Buffer | undefined
  let filled = 0
  let skipping = 0
  let broken = false
  const splits = Reassembly.make(maxFrame, frames.grant)
  /** What the part at hand belongs to, and how many bytes of the part are to come. */
  let split: Reassembly.Split | undefined
  let left = 0

  const fail = (problem: string) => {
    broken = true
    frames.garbage(problem)
  }
  const give = (bytes: Buffer, at: number, end: number) => {
    const id = readU32(bytes, at + 6)
    if (bytes[at + 4] !== Type.Split) return frames.frame(bytes[at + 4], bytes[at + 5], id, bytes, at + headSize, end)
    if (!frames.isExpected(bytes[at + headSize], id)) return
    const begun = splits.begin(id, bytes, at + headSize, end)
    if (begun === undefined) fail("What is to come in parts makes no sense")
    else if (begun.bytes === undefined) frames.oversized(begun.type, begun.flags, id, begun.size, true)
  }
  /** Judges a part by its head: it goes where the others are, or nowhere where nobody wants it any more. */
  const part = (id: number, length: number) => {
    split = splits.get(id)
    if (!splits.admit(split, length)) return fail("A part is too long, or one too many")
    skipping = headSize
    left = length
  }
  /** Judges a frame by its head; returns its size with the length itself, or 0 where it is not to be read as a whole. */
  const size = (bytes: Buffer, at: number): number => {
    const length = readU32(bytes, at)
    if (length < headSize - 4) {
      fail(`A frame of ${length} bytes is too short to be one`)
      return 0
    }
    if (length > absurd) {
      fail(`A frame of ${length} bytes is announced`)
      return 0
    }
    if (bytes[at + 4] === Type.Part) {
      part(readU32(bytes, at + 6), length + 4 - headSize)
      return 0
    }
    if (length <= maxFrame) return length + 4
    frames.oversized(bytes[at + 4], bytes[at + 5], readU32(bytes, at + 6), length + 4 - headSize, false)
    skipping = length + 4
    return 0
  }
  /** Goes on with the frame that the last read ended in. Returns how many bytes of this one belong to it. */
  const resume = (chunk: Buffer): number => {
    let at = 0
    if (headFilled > 0) {
      at = Math.min(headSize - headFilled, chunk.length)
      chunk.copy(head, headFilled, 0, at)
      headFilled += at
      if (headFilled < headSize) return at
      headFilled = 0
      const total = size(head, 0)
      if (total === 0) {
        skipping = Math.max(0, skipping - headSize)
        return at
      }
      partial = Buffer.allocUnsafe(total)
      head.copy(partial)
      filled = headSize
    }
    return partial === undefined ? at : at + extend(partial, chunk, at)
  }
  /** Goes on with a frame that is put together. Returns how many bytes of the chunk belong to it. */
  const extend = (whole: Buffer, chunk: Buffer, at: number): number => {
    const taken = Math.min(whole.length - filled, chunk.length - at)
    chunk.copy(whole, filled, at, at + taken)
    filled += taken
    if (filled === whole.length) {
      partial = undefined
      give(whole, 0, whole.length)
    }
    return taken
  }

  /** Goes on with the part at hand. Returns how many bytes of the chunk belong to it. */
  const fill = (chunk: Buffer, at: number): number => {
    const taken = Math.min(left, chunk.length - at)
    left -= taken
    if (split === undefined) return taken
    if (split.bytes !== undefined) chunk.copy(split.bytes, split.filled, at, at + taken)
    split.filled += taken
    if (split.filled < split.size) return taken
    const { bytes, flags, id, type } = split
    split = undefined
    splits.drop(id)
    if (bytes === undefined) frames.skipped(type, flags, id)
    else frames.frame(type, flags, id, bytes, 0, bytes.length)
    return taken
  }

  const read = (bytes: Buffer, isShared = false): boolean => {
    let chunk = bytes
    let at = resume(chunk)
    // What a split brings is copied, and nobody is told where it lay.
    let told = false
    while (!broken && at < chunk.length) {
      if (skipping > 0) {
        const skipped = Math.min(skipping, chunk.length - at)
        skipping -= skipped
        at += skipped
        continue
      }
      if (left > 0) {
        at += fill(chunk, at)
        continue
      }
      if (chunk.length - at < headSize) {
        chunk.copy(head, 0, at)
        headFilled = chunk.length - at
        break
      }
      const total = size(chunk, at)
      if (total === 0) continue
      if (chunk.length - at < total || total > Memory.alone) {
        partial = Buffer.allocUnsafe(total)
        filled = 0
        at += extend(partial, chunk, at)
        continue
      }
      if (!told && chunk[at + 4] !== Type.Split) {
        told = true
        if (isShared) {
          chunk = Buffer.from(chunk.subarray(at))
          at = 0
        }
      }
      give(chunk, at, at + total)
      at += total
    }
    frames.settled()
    if (!told && !isShared) Memory.free(chunk)
    return !broken
  }
  const drop = (id: number): boolean => {
    if (split?.id === id) split = undefined
    return splits.drop(id)
  }
  return { read, drop }
}
