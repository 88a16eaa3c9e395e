/**
 * The raw peer's wire: frames of a small header and JSON, multiplexed on one socket.
 *
 * What a turn of the event loop sends is collected in one slab and written with one call: by `nextTick`, after all
 * microtasks, or at once when 1 KiB waits, so that both processes work at the same time. What does not fit in the slab is
 * written by itself. Frames are parsed in place; bytes travel as they are.
 */
import type * as net from "node:net"

/** What a frame is about. */
export const Kind = { Echo: 0, Range: 1, Ping: 2, End: 3, Bytes: 4 } as const

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

/** Frames over a socket. */
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

  const read = reader(receive)
  socket.on("data", read)
  socket.on("drain", () => {
    for (const resume of drained.splice(0)) resume()
  })
  socket.setNoDelay(true)

  return {
    send: (id, kind, body) => {
      const json = body === undefined ? "" : body instanceof Uint8Array ? undefined : JSON.stringify(body)
      if (json === undefined || headerBytes + json.length * 3 > slabBytes) {
        flush()
        const alone = json === undefined ? body as Uint8Array : Buffer.from(json)
        const head = Buffer.allocUnsafe(headerBytes)
        header(head, 0, alone.length, id, kind)
        socket.cork()
        socket.write(head)
        socket.write(alone)
        socket.uncork()
        return
      }
      if (end + headerBytes + json.length * 3 > slabBytes) flush()
      const bytes = slab.write(json, end + headerBytes)
      header(slab, end, bytes, id, kind)
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

const header = (slab: Buffer, at: number, bytes: number, id: number, kind: number): void => {
  slab.writeUInt32LE(bytes, at)
  slab.writeUInt32LE(id, at + 4)
  slab[at + 8] = kind
}

type Receive = (id: number, kind: number, body: unknown) => void

/** Collects what arrives until a frame is whole, and copies a large one once. */
const reader = (receive: Receive) => {
  let parts: Array<Buffer> = []
  let waiting = 0
  let needed = 0
  return (data: Buffer): void => {
    parts.push(data)
    waiting += data.length
    if (waiting < needed) return
    const rest = parse(parts.length === 1 ? data : Buffer.concat(parts, waiting), receive)
    parts = rest === undefined ? [] : [rest]
    waiting = rest === undefined ? 0 : rest.length
    needed = rest === undefined || rest.length < headerBytes ? 0 : headerBytes + rest.readUInt32LE(0)
  }
}

/** Hands over every whole frame; returns what is left. */
const parse = (data: Buffer, receive: Receive): Buffer | undefined => {
  let at = 0
  while (data.length - at >= headerBytes) {
    const start = at + headerBytes
    const end = start + data.readUInt32LE(at)
    if (end > data.length) break
    const kind = data[at + 8]
    receive(data.readUInt32LE(at + 4), kind, bodyOf(kind, data, start, end))
    at = end
  }
  return at === data.length ? undefined : data.subarray(at)
}

const bodyOf = (kind: number, data: Buffer, start: number, end: number): unknown => {
  if (kind === Kind.Bytes) return data.subarray(start, end)
  return end === start ? undefined : JSON.parse(data.toString("utf8", start, end))
}
