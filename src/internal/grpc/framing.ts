/**
 * Messages of gRPC in the bytes of a stream: a flag, a length, and so many bytes.
 *
 * ```
 * flag u8 | length u32 | …        big-endian
 * ```
 */

/** What the flag says of a message. `Error` is ours: the declared error of a call, as its last message. */
export const Flag = { Plain: 0, Compressed: 1, Error: 0x80 } as const

/** A message with its flag. */
export interface Frame {
  readonly flag: number
  readonly bytes: Uint8Array
}

/** Bytes ahead of a message. */
const prefixSize = 5

/** Messages as a stream carries them, in one piece. */
export const pack = (messages: ReadonlyArray<Uint8Array>, flag: number = Flag.Plain): Buffer => {
  let size = 0
  for (const message of messages) size += prefixSize + message.length
  const packed = Buffer.allocUnsafe(size)
  let offset = 0
  for (const message of messages) {
    packed[offset] = flag
    packed.writeUInt32BE(message.length, offset + 1)
    packed.set(message, offset + prefixSize)
    offset += prefixSize + message.length
  }
  return packed
}

/** The message of a read that is one message, plain and within the limit: what nearly every unary call brings. */
export const only = (read: Buffer, limit: number): Uint8Array | undefined => {
  const length = read.length - prefixSize
  return length >= 0 && length <= limit && read[0] === Flag.Plain && read.readUInt32BE(1) === length
    ? read.subarray(prefixSize)
    : undefined
}

/** Cuts messages out of what is read. */
export interface Cutter {
  /** The messages that a read has completed; or the length that one claims, where it is over the limit. */
  readonly cut: (read: Buffer) => ReadonlyArray<Frame> | number
  /** Whether what was read ends with a message. */
  readonly isWhole: () => boolean
}

/**
 * A cutter of messages up to a limit.
 *
 * **Details**
 *
 * A message that lies within one read is not copied. One that does not is put together when its last byte has come:
 * memory is taken for what has arrived, not for what a length claims.
 */
export const cutter = (limit: number): Cutter => {
  let parts: Array<Buffer> = []
  let held = 0
  const join = (read: Buffer): Buffer => {
    const joined = Buffer.concat([...parts, read])
    parts = []
    held = 0
    return joined
  }
  // What the first message of `parts` takes with its prefix, once the prefix is complete.
  let wanted = prefixSize
  return {
    cut: (read) => {
      if (held + read.length < wanted) {
        parts.push(read)
        held += read.length
        return none
      }
      const bytes = held === 0 ? read : join(read)
      const frames: Array<Frame> = []
      let offset = 0
      wanted = prefixSize
      while (bytes.length - offset >= prefixSize) {
        const length = bytes.readUInt32BE(offset + 1)
        if (length > limit) return length
        const end = offset + prefixSize + length
        if (end > bytes.length) {
          wanted = prefixSize + length
          break
        }
        frames.push({ flag: bytes[offset], bytes: bytes.subarray(offset + prefixSize, end) })
        offset = end
      }
      if (offset < bytes.length) parts.push(bytes.subarray(offset))
      held = bytes.length - offset
      return frames
    },
    isWhole: () => held === 0
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const none: ReadonlyArray<Frame> = []
