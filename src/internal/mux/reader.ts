/**
 * Bytes of a socket to frames, in place: a frame that lies whole in what was read is not copied.
 *
 * A frame that is over the limit is told of by its head and then skipped, so that one call fails and not all of them; a
 * stream of bytes that makes no sense ends the connection.
 */
import { headSize, readU32 } from "./frames.ts"

export interface Frames {
  /** A whole frame; what is its own lies in `bytes` from `start` to `end`. */
  readonly frame: (type: number, flags: number, id: number, bytes: Buffer, start: number, end: number) => void
  /** A frame of so many bytes that is over the limit. Its bytes are skipped. */
  readonly oversized: (type: number, flags: number, id: number, size: number) => void
  /** All frames of one read have been told of. */
  readonly settled: () => void
  /** These are no frames. */
  readonly garbage: (problem: string) => void
}

/** No honest frame is as large as this: whoever announces one speaks another protocol. */
const absurd = 1024 * 1024 * 1024

/** Takes what a socket reads. Returns false once there is no point in reading on. */
export const make = (maxFrame: number, frames: Frames): (chunk: Buffer) => boolean => {
  const head = Buffer.allocUnsafe(headSize)
  let headFilled = 0
  let partial: Buffer | undefined
  let filled = 0
  let skipping = 0
  let broken = false

  const give = (bytes: Buffer, at: number, end: number) =>
    frames.frame(bytes[at + 4], bytes[at + 5], readU32(bytes, at + 6), bytes, at + headSize, end)

  const fail = (problem: string) => {
    broken = true
    frames.garbage(problem)
  }
  /** Judges a frame by its head; returns its size with the length itself, or 0 where it is not to be read. */
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
    if (length <= maxFrame) return length + 4
    frames.oversized(bytes[at + 4], bytes[at + 5], readU32(bytes, at + 6), length)
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
    if (partial !== undefined) {
      const taken = Math.min(partial.length - filled, chunk.length - at)
      chunk.copy(partial, filled, at, at + taken)
      filled += taken
      at += taken
      if (filled === partial.length) {
        const whole = partial
        partial = undefined
        give(whole, 0, whole.length)
      }
    }
    return at
  }

  return (chunk) => {
    let at = resume(chunk)
    while (!broken && at < chunk.length) {
      if (skipping > 0) {
        const skipped = Math.min(skipping, chunk.length - at)
        skipping -= skipped
        at += skipped
        continue
      }
      if (chunk.length - at < headSize) {
        chunk.copy(head, 0, at)
        headFilled = chunk.length - at
        break
      }
      const total = size(chunk, at)
      if (total === 0) continue
      if (chunk.length - at < total) {
        partial = Buffer.allocUnsafe(total)
        filled = chunk.copy(partial, 0, at)
        break
      }
      give(chunk, at, at + total)
      at += total
    }
    frames.settled()
    return !broken
  }
}
