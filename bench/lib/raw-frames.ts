/**
 * What Node can do: multiplexed frames on one socket, without anything that makes a library.
 */
import * as net from "node:net"
import type { Client } from "./contender.ts"
import { type Frames, frames, Kind } from "./frames.ts"
import * as Loops from "./loops.ts"
import { message } from "./workload.ts"

/** Answers on a free port of the loopback interface. */
export const serve = (): Promise<string> =>
  new Promise((resolve) => {
    const server = net.createServer((socket) => {
      const wire = frames(socket, (id, kind, body) => {
        if (kind === Kind.Range) produce(wire, id, (body as { length: number }).length, 0)
        else wire.send(id, kind, body)
      })
      socket.on("error", () => socket.destroy())
    })
    server.listen(0, "127.0.0.1", () => resolve(String((server.address() as net.AddressInfo).port)))
  })

/** Calls the server of that port. */
export const connect = (port: string): Promise<Client> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), "127.0.0.1", () => resolve(client(socket)))
    socket.on("error", reject)
  })

// ---------------------------------------------------------------------------------------------------------------------

const produce = (wire: Frames, id: number, length: number, from: number): void => {
  for (let n = from; n < length; n++) {
    if (wire.blocked()) return wire.whenDrained(() => produce(wire, id, length, n))
    wire.send(id, Kind.Range, message(n))
  }
  wire.send(id, Kind.End, undefined)
}

/** More than there are callers: an id finds its slot without a map, and no slot is taken twice at a time. */
const ringSlots = 1024

type Slot = (kind: number, body: unknown) => void

const client = (socket: net.Socket): Client => {
  const ring = Array.from<Slot | undefined>({ length: ringSlots })
  const wire = frames(socket, (id, kind, body) => ring[id & (ringSlots - 1)]?.(kind, body))
  let lastId = 0
  const open = (slot: Slot): number => {
    const id = ++lastId >>> 0
    ring[id & (ringSlots - 1)] = slot
    return id
  }
  const ask = <A>(kind: number, body: unknown): Promise<A> =>
    new Promise((resolve) => wire.send(open((_kind, reply) => resolve(reply as A)), kind, body))
  return Loops.client({
    echo: (body) => ask(Kind.Echo, body),
    text: (body) => ask(Kind.Echo, body),
    bytes: async ({ bytes, id }) => ({ id, bytes: await ask(Kind.Bytes, bytes) }),
    range: (length, received) =>
      new Promise((resolve) => {
        const id = open((kind) => {
          if (kind === Kind.End) resolve()
          else received(1)
        })
        wire.send(id, Kind.Range, { length })
      }),
    pong: (answered) => {
      const id = open(answered)
      return (body) => wire.send(id, Kind.Ping, body)
    }
  })
}
