/**
 * The sockets of one family: one that everybody hears on, and one that answers come back to.
 *
 * What could not be opened or joined is tried again each time the interfaces are looked at.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Family, Interface } from "./interfaces.ts"
import type { Outgoing, Packet } from "./packet.ts"
import * as Socket from "./socket.ts"

/** The sockets of one family. */
export interface Lane {
  readonly family: Family
  /** Opens what is not open, and joins the group through each interface. */
  readonly refresh: (interfaces: ReadonlyArray<Interface>) => Effect.Effect<void, never, Scope.Scope>
  /** Asks the group, from a port of its own. */
  readonly ask: (packet: Outgoing, through: Interface) => Effect.Effect<void>
  /** Tells the group, from the port that everybody shares. */
  readonly tell: (packet: Outgoing, through: Interface) => Effect.Effect<void>
  readonly reply: (packet: Outgoing, to: Socket.From) => Effect.Effect<void>
  /** Whether a packet comes from the port that this lane asks from. */
  readonly isAsker: (from: Socket.From) => boolean
}

/** Who is told of what comes in, and of what fails; a socket that fails is as good as a packet that is lost. */
export interface Events {
  readonly onPacket: (packet: Packet, from: Socket.From) => void
  readonly onGarbage: (cause: unknown) => void
  readonly onFailure: (cause: unknown) => Effect.Effect<void>
}

/** A lane that is closed until it is refreshed. */
export const make = (family: Family, port: number, events: Events): Lane => {
  let ears: Socket.Socket | undefined
  let mouth: Socket.Socket | undefined
  const group = { address: Socket.groupAddress[family], port }
  const open = (port: number) => tolerate(Socket.open({ family, port, ...events }))
  const tolerate = <A, R>(effect: Effect.Effect<A, Socket.SocketFailed, R>): Effect.Effect<A | undefined, never, R> =>
    Effect.catchTag(effect, "SocketFailed", ({ cause }) => Effect.as(events.onFailure(cause), undefined))
  const by = (
    socket: Socket.Socket | undefined,
    send: (socket: Socket.Socket) => Effect.Effect<void, Socket.SocketFailed>
  ): Effect.Effect<void> => socket === undefined ? Effect.void : Effect.asVoid(tolerate(send(socket)))
  return {
    family,
    refresh: Effect.fnUntraced(function*(interfaces) {
      if (interfaces.length === 0) return
      mouth ??= yield* open(0)
      ears ??= yield* open(port)
      for (const through of interfaces) yield* by(ears, (socket) => socket.join(through))
    }),
    ask: (packet, through) => Effect.suspend(() => by(mouth, (socket) => socket.toGroup(packet, group, through))),
    tell: (packet, through) => Effect.suspend(() => by(ears, (socket) => socket.toGroup(packet, group, through))),
    reply: (packet, to) => Effect.suspend(() => by(ears, (socket) => socket.to(packet, to))),
    isAsker: (from) => from.port === mouth?.port
  }
}
