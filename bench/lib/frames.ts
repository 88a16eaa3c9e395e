/**
 * The raw peer's wire: frames of a small header and JSON, multiplexed on one socket.
 *
 * What a turn of the event loop sends is collected in one slab and written with one call: by `nextTick`, after all
 * microtasks, or at once when 1 KiB waits, so that both processes work at the same time. Frames are parsed in place.
 */
import type * as net from "node:net"

/** What a frame is about. */
export const Kind = { Echo: 0, Range: 1, Ping: 2, End: 3 } as const

/** One end of a socket that carries frames. */
export interface Frames {
  readonly send: (id: number, kind: number, body: unknown) => void
  /** Whether the other side is too slow for more; `whenDrained` then says when it is not. */
  readonly blocked: () => boolean
  readonly whenDrained: (resume: () => void) => void
}

const headerBytes = 9
const slabBytes = 64 * 1024
const flushBytes = 1024

/** Frames over a socket. A body must fit in a slab. */
export const frames = (
  socket: net.Socket,
  receive: (id: number, kind: number, body: unknown) => void
): Frames => {
  let slab = Buffer.allocUnsafe(slabBytes)
  let end = 0
  let scheduled = false
  const drained: Array<() => void> = []

  const flush = () => {
    if (end === 0) return
    socket.write(slab.subarray(0, end))
    end = 0
    // The kernel took all of it, so nobody reads the slab any more.
    if (socket.writableLength > 0) slab = Buffer.allocUnsafe(slabBytes)
  }
  const turnEnds = () => {
    scheduled = false
    flush()
  }

  let rest: Buffer | undefined
  socket.on("data", (data: Buffer) => {
    rest = parse(rest === undefined ? data : Buffer.concat([rest, data]), receive)
  })
  socket.on("drain", () => {
    for (const resume of drained.splice(0)) resume()
  })
  socket.setNoDelay(true)

  return {
    send: (id, kind, body) => {
      const json = body === undefined ? "" : JSON.stringify(body)
      if (end + headerBytes + json.length * 3 > slabBytes) flush()
      const bytes = slab.write(json, end + headerBytes)
      slab.writeUInt32LE(bytes, end)
      slab.writeUInt32LE(id, end + 4)
      slab[end + 8] = kind
      end += headerBytes + bytes
      if (end >= flushBytes) flush()
      else if (!scheduled) {
        scheduled = true
        process.nextTick(turnEnds)
      }
    },
    blocked: () => socket.writableNeedDrain,
    whenDrained: (resume) => drained.push(resume)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Hands over every whole frame; returns what is left. */
const parse = (data: Buffer, receive: (id: number, kind: number, body: unknown) => void): Buffer | undefined => {
  let at = 0
  while (data.length - at >= headerBytes) {
    const start = at + headerBytes
    const end = start + data.readUInt32LE(at)
    if (end > data.length) break
    receive(
      data.readUInt32LE(at + 4),
      data[at + 8],
      end === start ? undefined : JSON.parse(data.toString("utf8", start, end))
    )
    at = end
  }
  return at === data.length ? undefined : data.subarray(at)
}
