/**
 * A UDP socket that speaks DNS, alone or to the group.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import makeMdns from "multicast-dns"
import type { MulticastDNS, RemoteInfoOutgoing } from "multicast-dns"
import * as dgram from "node:dgram"
import type { Family, Interface } from "./interfaces.ts"
import type { Outgoing, Packet } from "./packet.ts"

/** The system did not let a socket be opened, joined to the group, or written to. */
export class SocketFailed extends Data.TaggedError("SocketFailed")<{ readonly cause: unknown }> {}

/** Who sent a packet. */
export type From = dgram.RemoteInfo

/** A UDP socket that speaks DNS. */
export interface Socket {
  readonly port: number
  /** Hears what is sent to the group through the interface. Joining again is nothing. */
  readonly join: (through: Interface) => Effect.Effect<void, SocketFailed>
  /** Sends to the group through one interface, to every socket that joined: this machine's own, too. */
  readonly toGroup: (packet: Outgoing, group: Group, through: Interface) => Effect.Effect<void, SocketFailed>
  readonly to: (packet: Outgoing, who: RemoteInfoOutgoing) => Effect.Effect<void, SocketFailed>
}

/** Where everybody listens. */
export interface Group {
  readonly address: string
  readonly port: number
}

/** The address that all who speak mDNS have joined. */
export const groupAddress: Readonly<Record<Family, string>> = { 4: "224.0.0.251", 6: "ff02::fb" }

/** Bytes that the system is asked to hold: an answer from everybody comes in one burst. It may give less. */
const receiveBuffer = 1024 * 1024

/** Opens a socket until the scope closes. Port 0 lets the system choose one that nobody shares. */
export const open = (options: {
  readonly family: Family
  readonly port: number
  readonly onPacket: (packet: Packet, from: From) => void
  readonly onGarbage: (cause: unknown) => void
}): Effect.Effect<Socket, SocketFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { socket, wire } = yield* Effect.acquireRelease(
      Effect.map(bind(options), (socket) => ({ socket, wire: speak(socket, options) })),
      ({ wire }) => close(wire)
    )
    // Wishes: where one is not granted the socket still hears and sends.
    yield* Effect.ignore(attempt(() => socket.setRecvBufferSize(receiveBuffer)))
    yield* Effect.ignore(attempt(() => socket.setMulticastTTL(255)))
    yield* Effect.ignore(attempt(() => socket.setMulticastLoopback(true)))
    const turn = yield* Semaphore.make(1)
    return {
      port: socket.address().port,
      join: (through) => attempt(() => join(socket, groupAddress[options.family], through)),
      to: (packet, who) => send(wire, packet, who),
      // The interface is a setting of the socket: whoever sends waits until the one before is through.
      toGroup: (packet, group, through) =>
        attempt(() => socket.setMulticastInterface(through.multicast)).pipe(
          Effect.andThen(send(wire, packet, group)),
          Semaphore.withPermit(turn)
        )
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** The library announces what it was given, but does not say so in its types; only so can a packet be told exactly. */
type Wire = MulticastDNS & {
  readonly send: (packet: Outgoing, who: RemoteInfoOutgoing, done: (error?: Error | null) => void) => void
}

const attempt = (run: () => void): Effect.Effect<void, SocketFailed> =>
  Effect.try({ try: run, catch: (cause) => new SocketFailed({ cause }) })

const bind = ({ family, port }: { readonly family: Family; readonly port: number }) =>
  Effect.callback<dgram.Socket, SocketFailed>((resume) => {
    const socket = dgram.createSocket({
      type: family === 4 ? "udp4" : "udp6",
      ipv6Only: family === 6,
      // Everybody on this machine listens on the same port of the group; the port for answers is nobody else's.
      reuseAddr: port !== 0
    })
    const failed = (cause: Error) => {
      socket.close()
      resume(Effect.fail(new SocketFailed({ cause })))
    }
    socket.once("error", failed)
    // Exclusive, or the workers of a cluster would share one socket, and one of them would get what is for another.
    socket.bind({ port, exclusive: true }, () => {
      socket.off("error", failed)
      resume(Effect.succeed(socket))
    })
  })

const speak = (socket: dgram.Socket, { onGarbage, onPacket }: Parameters<typeof open>[0]): Wire => {
  // A bound socket, and neither joining nor a timer: the library reads and writes packets, and no more.
  const wire = makeMdns({ socket, bind: false, multicast: false }) as Wire
  const read = socket.listeners("message")
  socket.removeAllListeners("message")
  socket.on("message", (bytes, from) => {
    if (claimsTooMuch(bytes)) return onGarbage(new Error(`${bytes.length} bytes cannot hold what they claim to`))
    for (const listener of read) listener.call(socket, bytes, from)
  })
  wire.on("packet", onPacket)
  wire.on("warning", onGarbage)
  wire.on("error", onGarbage)
  return wire
}

/** Bytes of the head of a packet; its last eight tell how many questions and records of each kind follow. */
const headSize = 12

/** Bytes of the shortest question there can be, and no record is shorter. */
const shortest = 5

/** Whether a packet counts more than it has room for: the library would make up all of it, 262,140 records at worst. */
const claimsTooMuch = (bytes: Buffer): boolean => {
  let count = 0
  for (let at = 4; at + 2 <= Math.min(bytes.length, headSize); at += 2) count += bytes.readUInt16BE(at)
  return count * shortest > Math.max(0, bytes.length - headSize)
}

const close = (wire: Wire): Effect.Effect<void> =>
  Effect.callback<void>((resume) => wire.destroy(() => resume(Effect.void)))

const join = (socket: dgram.Socket, group: string, through: Interface): void => {
  try {
    socket.addMembership(group, through.multicast)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") throw cause
  }
}

const send = (wire: Wire, packet: Outgoing, who: RemoteInfoOutgoing): Effect.Effect<void, SocketFailed> =>
  Effect.callback((resume) =>
    wire.send(packet, who, (cause) => resume(cause ? Effect.fail(new SocketFailed({ cause })) : Effect.void))
  )
