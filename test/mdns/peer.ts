/** Somebody else on the network: a plain socket on the loopback interface, that knows nothing of this package. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as dgram from "node:dgram"

export const group = "224.0.0.251"

/** Nobody's port but the tests'; each test has a domain of its own besides. */
export const port = 25_353

export interface Received {
  readonly bytes: Buffer
  readonly from: dgram.RemoteInfo
}

export interface Peer {
  readonly port: number
  readonly received: Queue.Dequeue<Received>
  readonly sendTo: (bytes: Buffer, port: number, address: string) => Effect.Effect<void>
  readonly multicast: (bytes: Buffer) => Effect.Effect<void>
}

/** With this question a registry tests itself. */
const isEcho = ({ bytes }: Received): boolean => bytes.includes("\u0005_echo")

/** A socket that has joined the group, or an asker's with a port of its own. It hears what is about the domain. */
export const open = (
  domain: string,
  kind: "member" | "asker",
  options?: { readonly echoes: boolean }
): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const received = yield* Queue.unbounded<Received>()
    const socket = yield* Effect.acquireRelease(
      Effect.callback<dgram.Socket>((resume) => {
        const socket = dgram.createSocket({ type: "udp4", reuseAddr: kind === "member" })
        socket.on("message", (bytes, from) => {
          const packet = { bytes, from }
          if (bytes.includes(domain) && isEcho(packet) === (options?.echoes ?? false)) {
            Queue.offerUnsafe(received, packet)
          }
        })
        socket.bind(kind === "member" ? port : 0, () => {
          if (kind === "member") socket.addMembership(group, "127.0.0.1")
          socket.setMulticastInterface("127.0.0.1")
          resume(Effect.succeed(socket))
        })
      }),
      (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
    )
    const sendTo: Peer["sendTo"] = (bytes, port, address) =>
      Effect.callback((resume) => socket.send(bytes, port, address, () => resume(Effect.void)))
    return {
      port: socket.address().port,
      received,
      sendTo,
      multicast: (bytes) => sendTo(bytes, port, group)
    }
  })
