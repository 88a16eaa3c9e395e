/**
 * Frames to a socket: all of one turn in one write, and at once when a kilobyte waits.
 *
 * The system call is the price of a small frame, so frames are gathered in a slab; but a peer that waits for the end of
 * our turn stands idle, so the slab goes out early. Bodies that are large are not copied into it.
 */
import type { Socket } from "node:net"
import type { Failure } from "../../Transport.ts"
import { Flag, fromStatus, headSize, Type, writeU32 } from "./frames.ts"

export interface Writer {
  readonly frame: (type: number, flags: number, id: number) => void
  /** A frame whose own part is a number. */
  readonly number: (type: number, id: number, value: number) => void
  readonly bytes: (type: number, flags: number, id: number, body: Uint8Array) => void
  readonly failure: (id: number, failure: Failure) => void
  readonly open: (
    id: number,
    flags: number,
    route: number,
    timeout: number | undefined,
    headers: Uint8Array | undefined,
    message: Uint8Array | undefined
  ) => void
  /** Writes what waits, now. */
  readonly flush: () => void
}

/** Bytes that make a write worth its price. */
const early = 1024
const slabSize = 64 * 1024
/** From this size a body goes out as it is. */
const large = 8 * 1024

export const make = (socket: Socket): Writer => {
  let slab = Buffer.allocUnsafeSlow(slabSize)
  let sent = 0
  let used = 0
  let scheduled = false

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
    if (used - sent >= early) {
      flush()
    } else if (!scheduled) {
      scheduled = true
      process.nextTick(tick)
    }
  }
  const head = (at: number, length: number, type: number, flags: number, id: number): number => {
    writeU32(slab, at, length - 4)
    slab[at + 4] = type
    slab[at + 5] = flags
    writeU32(slab, at + 6, id)
    return at + headSize
  }
  /** The last part of a frame: into the slab, or by itself behind it. */
  const body = (at: number, bytes: Uint8Array) => {
    if (bytes.length < large) {
      slab.set(bytes, at)
      return done()
    }
    socket.cork()
    flush()
    socket.write(bytes)
    socket.uncork()
    if (socket.writableLength > 0) return
    sent = used = 0
  }
  /** How many bytes of a frame with such a body go into the slab. */
  const copied = (bytes: Uint8Array) => bytes.length < large ? bytes.length : 0

  const frame: Writer["frame"] = (type, flags, id) => {
    head(reserve(headSize), headSize, type, flags, id)
    done()
  }
  const number: Writer["number"] = (type, id, value) => {
    const at = reserve(headSize + 4)
    writeU32(slab, head(at, headSize + 4, type, 0, id), value)
    done()
  }
  const bytes: Writer["bytes"] = (type, flags, id, message) => {
    const at = reserve(headSize + copied(message))
    body(head(at, headSize + message.length, type, flags, id), message)
  }
  const failure: Writer["failure"] = (id, reply) => {
    const timed = reply.retryAfter !== undefined
    const size = headSize + (timed ? 5 : 1)
    const at = reserve(size + copied(reply.body))
    let next = head(at, size + reply.body.length, Type.Failure, timed ? Flag.Time : 0, id)
    slab[next++] = fromStatus(reply.status)
    if (timed) {
      writeU32(slab, next, Math.min(0xffffffff, Math.ceil(reply.retryAfter)))
      next += 4
    }
    body(next, reply.body)
  }
  const open: Writer["open"] = (id, flags, route, timeout, headers, message) => {
    const size = headSize + 4 + (timeout === undefined ? 0 : 4) + (headers === undefined ? 0 : 4 + headers.length)
    const at = reserve(size + (message === undefined ? 0 : copied(message)))
    const all = flags | (timeout === undefined ? 0 : Flag.Time) | (headers === undefined ? 0 : Flag.Headers)
    let next = head(at, size + (message?.length ?? 0), Type.Open, all, id)
    writeU32(slab, next, route)
    next += 4
    if (timeout !== undefined) {
      writeU32(slab, next, Math.min(0xffffffff, Math.max(0, Math.ceil(timeout))))
      next += 4
    }
    if (headers !== undefined) {
      writeU32(slab, next, headers.length)
      slab.set(headers, next + 4)
      next += 4 + headers.length
    }
    if (message === undefined) done()
    else body(next, message)
  }
  return { frame, number, bytes, failure, open, flush }
}
