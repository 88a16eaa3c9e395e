/**
 * The frames of a stream as messages: cut, and unpacked where they were packed. And back.
 */
import { gunzipSync, gzipSync } from "node:zlib"
import * as Framing from "./framing.ts"

/** A message, or the declared error that ends a call between two of us. */
export type Message = Framing.Frame

/** Why the bytes of a stream are no messages. */
export interface Problem {
  readonly message: string
  /** Whether a message is larger than allowed, and nothing worse. */
  readonly isLarge: boolean
}

/** Reads messages. Nothing more is to be read after a problem. */
export interface Reader {
  readonly read: (read: Buffer) => ReadonlyArray<Message> | Problem
  /** Whether the stream may end here. */
  readonly isWhole: () => boolean
}

/** A reader of messages up to a limit, which holds for what they are unpacked to as well. */
export const reader = (limit: number, isGzip: () => boolean): Reader => {
  const cutter = Framing.cutter(limit)
  return {
    read: (read) => {
      const frames = cutter.cut(read)
      if (typeof frames === "number") return large(`of ${frames} bytes`, limit)
      if (frames.every(({ flag }) => flag === Framing.Flag.Plain || flag === Framing.Flag.Error)) return frames
      const messages: Array<Message> = []
      for (const frame of frames) {
        const message = unpack(frame, limit, isGzip())
        if ("isLarge" in message) return message
        messages.push(message)
      }
      return messages
    },
    isWhole: cutter.isWhole
  }
}

/** Messages as a stream carries them, in one piece: packed, where they are to be and it is worth it. */
export const pack = (isGzip: boolean): (messages: ReadonlyArray<Uint8Array>) => Buffer => isGzip ? zip : plain

// ---------------------------------------------------------------------------------------------------------------------

/** Bytes from which on a message is packed: it would not fit into one packet. */
const worth = 1400

const plain = (messages: ReadonlyArray<Uint8Array>): Buffer => Framing.pack(messages)

const zip = (messages: ReadonlyArray<Uint8Array>): Buffer =>
  Buffer.concat(messages.map((message) =>
    message.length < worth
      ? Framing.pack([message])
      // The fastest way of it, as everybody else waits meanwhile.
      : Framing.pack([gzipSync(message, { level: 1 })], Framing.Flag.Compressed)
  ))

const large = (which: string, limit: number): Problem => ({
  message: `A message ${which} is over the limit of ${limit}`,
  isLarge: true
})

const unpack = (frame: Framing.Frame, limit: number, isGzip: boolean): Message | Problem => {
  if (frame.flag === Framing.Flag.Plain || frame.flag === Framing.Flag.Error) return frame
  if (frame.flag !== Framing.Flag.Compressed || !isGzip) {
    return { message: `A message has the flag ${frame.flag}, and no encoding to go with it`, isLarge: false }
  }
  try {
    const bytes = gunzipSync(frame.bytes, { maxOutputLength: Math.max(limit, 1) })
    return { flag: Framing.Flag.Plain, bytes }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE"
      ? large("that is packed", limit)
      : { message: "A message cannot be unpacked", isLarge: false }
  }
}
