/**
 * What Node can do: multiplexed frames on one socket, without anything that makes a library.
 */
import * as net from "node:net"
import type { Client } from "./contender.ts"
import { type Frames, frames, Kind } from "./frames.ts"
import type { Meter } from "./meter.ts"
import { type Message, message } from "./workload.ts"

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
  const echo = (body: Message): Promise<Message> =>
    new Promise((resolve) => wire.send(open((_kind, reply) => resolve(reply as Message)), Kind.Echo, body))
  return {
    once: () => echo(message(1)),
    drive: (workload, meter) => {
      const loop = workload.kind === "unary"
        ? () => echoes(echo, meter)
        : workload.kind === "stream"
        ? () => ranges(wire, open, workload.length, meter)
        : () => pings(wire, open, meter)
      return Promise.all(Array.from({ length: workload.callers }, loop))
    }
  }
}

const echoes = async (echo: (body: Message) => Promise<Message>, meter: Meter): Promise<void> => {
  let at = performance.now()
  for (let n = 0; !meter.stopped(); n++) {
    await echo(message(n))
    at = meter.answered(at)
  }
}

const ranges = (wire: Frames, open: (slot: Slot) => number, length: number, meter: Meter): Promise<void> =>
  new Promise((resolve) => {
    const next = () => {
      if (meter.stopped()) return resolve()
      const id = open((kind) => {
        if (kind === Kind.End) next()
        else meter.received(1)
      })
      wire.send(id, Kind.Range, { length })
    }
    next()
  })

const pings = (wire: Frames, open: (slot: Slot) => number, meter: Meter): Promise<void> =>
  new Promise((resolve) => {
    let at = performance.now()
    let n = 0
    const id = open(() => {
      at = meter.answered(at)
      if (meter.stopped()) resolve()
      else wire.send(id, Kind.Ping, message(++n))
    })
    wire.send(id, Kind.Ping, message(n))
  })
