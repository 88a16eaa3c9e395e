/**
 * Frames to a socket: all that a read brings about in one write, all else of one turn of the event loop in another, and
 * sooner when two kilobytes wait, then four, then eight.
 *
 * The system call is the price of a small frame, so frames are gathered in a slab; but a peer that waits for the end of
 * our turn stands idle, so the slab goes out early. Bodies that are large are not copied into it, and those that others
 * would have to wait for go in parts.
 */
import type { Socket } from "node:net"
import type { Failure } from "../../Transport.ts"
import * as Memory from "../memory.ts"
import { Flag, fromStatus, headSize, partSize, splitSize, Type, writeU32 } from "./frames.ts"
import type { Gate } from "./gate.ts"
import * as Parts from "./parts.ts"

export interface Writer {
  readonly frame: (type: number, flags: number, id: number) => void
  /** A frame whose own part is a number. */
  readonly number: (type: number, flags: number, id: number, value: number) => void
  /** A frame whose own part is bytes. False where they go in parts, the last of which has not gone: `sent` is told. */
  readonly bytes: (type: number, flags: number, id: number, body: Uint8Array, sent?: () => void) => boolean
  readonly failure: (id: number, failure: Failure) => void
  readonly open: (
    id: number,
    flags: number,
    route: number,
    timeout: number | undefined,
    headers: Uint8Array | undefined,
    message: Uint8Array | undefined
  ) => void
  /** Whether a message of the call goes out in parts. */
  readonly has: (id: number) => boolean
  /** Forgets what has not gone of a call's message. Returns the type of a frame of which nothing has gone. */
  readonly drop: (id: number) => number | undefined
  /** The other side takes so many more bytes in parts. */
  readonly grant: (bytes: number) => void
  /** Bytes that have not gone. */
  readonly waiting: () => number
  /** The other side has said something, and waits for what comes of it. */
  readonly heard: () => void
}

/**
 * Bytes that make a write worth its price; twice as many for each next one of a turn, up to so many: by then the other side
 * has something to do.
 */
const early = 2048
const late = 16 * 1024
const slabSize = 64 * 1024
/** From this size a body goes out as it is. */
const large = 8 * 1024

export const make = (socket: Socket, gate: Gate): Writer => {
  let slab = Buffer.allocUnsafeSlow(slabSize)
  let sent = 0
  let used = 0
  let scheduled = false
  // Whether nothing has gone out since the last read: the other side waits for what a read brings about.
  let answering = true
  let enough = early

  const flush = () => {
    if (used === sent) return
    socket.write(sent === 0 && used === slab.length ? slab : slab.subarray(sent, used))
    if (socket.writableLength === 0) {
      // The kernel took it all: nobody looks at these bytes any more.
      sent = used = 0
    } else {
      sent = used
    }
  }
  const tick = () => {
    scheduled = false
    answering = false
    enough = early
    flush()
  }
  /** Room for so many bytes, at the returned offset. */
  const reserve = (size: number): number => {
    if (used + size > slab.length) {
      flush()
      if (used + size > slab.length) {
        slab = Buffer.allocUnsafeSlow(Math.max(slabSize, size))
        sent = used = 0
      }
    }
    const at = used
    used += size
    return at
  }
  const done = () => {
    if (!scheduled) {
      scheduled = true
      // Fibers that a scheduler resumes one by one have a tick each: what they all say goes out behind the last of them.
      if (answering) process.nextTick(tick)
      else setImmediate(tick)
    }
    if (used - sent < enough) return
    flush()
    enough = Math.min(late, 2 * enough)
  }
  const head = (at: number, length: number, type: number, flags: number, id: number): number => {
    writeU32(slab, at, length - 4)
    slab[at + 4] = type
    slab[at + 5] = flags
    writeU32(slab, at + 6, id)
    return at + headSize
  }
  /** The last part of a frame: into the slab, or by itself behind it, as it must where `taken` waits for it. */
  const body = (at: number, bytes: Uint8Array, taken?: Memory.Sent) => {
    if (bytes.length < large && taken === undefined) {
      slab.set(bytes, at)
      return done()
    }
    socket.cork()
    flush()
    socket.write(bytes, taken)
    socket.uncork()
    if (socket.writableLength > 0) return
    sent = used = 0
  }
  /** Starts a frame with a body. Returns where what stands before the body goes, which is of so many bytes. */
  const begin = (
    type: number,
    flags: number,
    id: number,
    size: number,
    { length }: Uint8Array,
    apart = length >= large
  ): number => {
    if (length <= partSize) {
      return head(reserve(headSize + size + (apart ? 0 : length)), headSize + size + length, type, flags, id)
    }
    const own = headSize + splitSize + size
    const at = head(reserve(own), own, Type.Split, 0, id)
    slab[at] = type
    slab[at + 1] = flags
    writeU32(slab, at + 2, size + length)
    return at + splitSize
  }
  const parts = Parts.make(
    socket,
    gate,
    (id, part, taken) => body(begin(Type.Part, 0, id, 0, part, taken === undefined ? undefined : true), part, taken)
  )

  const frame: Writer["frame"] = (type, flags, id) => {
    head(reserve(headSize), headSize, type, flags, id)
    done()
  }
  const number: Writer["number"] = (type, flags, id, value) => {
    const at = reserve(headSize + 4)
    writeU32(slab, head(at, headSize + 4, type, flags, id), value)
    done()
  }
  /** Starts a failure, up to its body. */
  const beginFailure = (id: number, { body, retryAfter, status }: Failure): number => {
    const timed = retryAfter !== undefined
    const at = begin(Type.Failure, timed ? Flag.Time : 0, id, timed ? 5 : 1, body)
    slab[at] = fromStatus(status)
    if (!timed) return at + 1
    writeU32(slab, at + 1, Math.min(0xffffffff, Math.ceil(retryAfter)))
    return at + 5
  }
  /** Starts a call, up to its message. */
  const beginOpen = (
    id: number,
    flags: number,
    route: number,
    timeout: number | undefined,
    headers: Uint8Array | undefined,
    message: Uint8Array
  ): number => {
    const size = 4 + (timeout === undefined ? 0 : 4) + (headers === undefined ? 0 : 4 + headers.length)
    const all = flags | (timeout === undefined ? 0 : Flag.Time) | (headers === undefined ? 0 : Flag.Headers)
    let next = begin(Type.Open, all, id, size, message)
    writeU32(slab, next, route)
    next += 4
    if (timeout !== undefined) {
      writeU32(slab, next, Math.min(0xffffffff, Math.max(0, Math.ceil(timeout))))
      next += 4
    }
    if (headers === undefined) return next
    writeU32(slab, next, headers.length)
    slab.set(headers, next + 4)
    return next + 4 + headers.length
  }

  const bytes: Writer["bytes"] = (type, flags, id, message, sent) => {
    if (message.length > partSize) {
      return parts.send(type, id, message, () => begin(type, flags, id, 0, message), sent)
    }
    body(begin(type, flags, id, 0, message), message, Memory.sent(message))
    return true
  }
  const failure: Writer["failure"] = (id, reply) => {
    if (reply.body.length > partSize) parts.send(Type.Failure, id, reply.body, () => beginFailure(id, reply))
    else body(beginFailure(id, reply), reply.body)
  }
  const open: Writer["open"] = (id, flags, route, timeout, headers, message = nothing) => {
    if (message.length > partSize) {
      parts.send(Type.Open, id, message, () => beginOpen(id, flags, route, timeout, headers, message))
    } else {
      body(beginOpen(id, flags, route, timeout, headers, message), message, Memory.sent(message))
    }
  }
  const waiting = () => socket.writableLength + parts.waiting()
  const heard = () => {
    answering = true
  }
  return { frame, number, bytes, failure, open, has: parts.has, drop: parts.drop, grant: parts.grant, waiting, heard }
}

const nothing = new Uint8Array(0)
