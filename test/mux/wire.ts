/** Frames by hand, and sockets that speak them, or nothing at all. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { Flag, Type } from "../../src/internal/mux/frames.ts"

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly id: number
  readonly body: Buffer
}

/** A frame as the wire has it. */
export const frame = (
  type: number,
  flags: number,
  id: number,
  ...parts: ReadonlyArray<Uint8Array | string>
): Buffer => {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)))
  const head = Buffer.alloc(10)
  head.writeUInt32BE(6 + body.length, 0)
  head.writeUInt8(type, 4)
  head.writeUInt8(flags, 5)
  head.writeUInt32BE(id, 6)
  return Buffer.concat([head, body])
}

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** What each end says first. */
export const hello = (limits: object = {}): Buffer => frame(Type.Hello, 0, 0, JSON.stringify(limits))

/** One end of a connection that speaks frames. */
export interface Peer {
  readonly socket: Net.Socket
  readonly send: (...frames: ReadonlyArray<Uint8Array>) => void
  readonly frames: Queue.Queue<Frame>
  readonly closed: Effect.Effect<void>
}

/** A raw client: upgraded, and without manners. It says so much of itself. */
export const dial = (port: number, limits?: object): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const socket = yield* Effect.acquireRelease(
      Effect.callback<Net.Socket>((resume) => {
        const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.sync(() => socket.destroy())
    )
    socket.write("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: effect-micro/1\r\n\r\n")
    const answer = yield* Effect.callback<Buffer>((resume) => {
      socket.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk)))
    })
    socket.write(hello(limits))
    return yield* peer(socket, answer.subarray(answer.indexOf("\r\n\r\n") + 4))
  })

/** A raw server: upgrades whoever comes, and gives each connection to `accept`. Returns its address. */
export const listen = (accept: (peer: Peer) => void, limits?: object): Effect.Effect<string, never, Scope.Scope> =>
  silentServer((socket) => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: effect-micro/1\r\n\r\n")
      socket.write(hello(limits))
      accept(Effect.runSync(peer(socket, Buffer.alloc(0))))
    })
  })

/** A server of sockets. Returns its address. */
export const silentServer = (accept: (socket: Net.Socket) => void): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(server(accept), ({ port }) => `micro://127.0.0.1:${port}`)

/** A wire to a port that can be cut. */
export const proxy = (port: number) =>
  Effect.gen(function*() {
    const opened = yield* server((near) => {
      const far = Net.connect(port, "127.0.0.1")
      opened.sockets.add(far)
      for (const socket of [near, far]) socket.on("error", () => undefined)
      near.pipe(far).pipe(near)
    })
    const cut = Effect.sync(() => {
      for (const socket of opened.sockets) socket.destroy()
    })
    yield* Effect.addFinalizer(() => cut)
    return { url: `micro://127.0.0.1:${opened.port}`, cut }
  })

// ---------------------------------------------------------------------------------------------------------------------

interface Opened {
  readonly port: number
  readonly sockets: Set<Net.Socket>
}

const server = (accept: (socket: Net.Socket) => void): Effect.Effect<Opened, never, Scope.Scope> =>
  Effect.gen(function*() {
    const sockets = new Set<Net.Socket>()
    const server = Net.createServer((socket) => {
      sockets.add(socket)
      socket.on("error", () => undefined)
      socket.resume()
      accept(socket)
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    return { port: (server.address() as Net.AddressInfo).port, sockets }
  })

/** `head` is what was read beyond the handshake. The other end's hello is not among the frames. */
const peer = (socket: Net.Socket, head: Buffer): Effect.Effect<Peer> =>
  Effect.map(Queue.unbounded<Frame>(), (frames) => {
    let received = Buffer.alloc(0)
    const hear = (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
        const end = 4 + received.readUInt32BE(0)
        // Whoever reads parts lets more of them come.
        if (received.readUInt8(4) === Type.Part) socket.write(frame(Type.Credit, Flag.Parts, 0, u32(end - 10)))
        const type = received.readUInt8(4)
        const body = Buffer.from(received.subarray(10, end))
        if (type !== Type.Hello) {
          Queue.offerUnsafe(frames, { type, flags: received.readUInt8(5), id: received.readUInt32BE(6), body })
        }
        received = received.subarray(end)
      }
    }
    socket.on("error", () => undefined)
    socket.on("data", hear)
    hear(head)
    return {
      socket,
      send: (...frames) => void socket.write(Buffer.concat(frames)),
      frames,
      closed: Effect.callback<void>((resume) => {
        if (socket.closed) resume(Effect.void)
        else socket.once("close", () => resume(Effect.void))
      })
    }
  })
