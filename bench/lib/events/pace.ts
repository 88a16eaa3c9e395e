/**
 * Keeps a publisher from running away from its subscriber where a server stands between them: what the server has to
 * hoard, or to drop, is not what is measured.
 */
import { once } from "node:events"
import * as net from "node:net"

/** Of which the publisher hears at a time, and how many it may be ahead. */
const step = 2048
const ahead = 32_768

/** The subscriber's side: where it tells how far it has come. */
export const open = async (
  count: (events: number) => void
): Promise<{ readonly facts: string; readonly counted: () => void }> => {
  const told = new Set<net.Socket>()
  const server = net.createServer((socket) => void told.add(socket.setNoDelay().on("error", () => socket.destroy())))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  let counts = 0
  return {
    facts: String((server.address() as net.AddressInfo).port),
    counted: () => {
      count(1)
      if (++counts % step === 0) { for (const socket of told) socket.write("+") }
    }
  }
}

/** The publisher's side: waits until so many more events may be published. */
export const follow = async ([port]: ReadonlyArray<string>): Promise<(events: number) => Promise<void>> => {
  const socket = net.connect(Number(port), "127.0.0.1")
  await once(socket, "connect")
  let room = ahead
  let waiting: Array<() => void> = []
  socket.on("data", ({ length }) => {
    room += length * step
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  })
  return async (events) => {
    while (room < events) await new Promise<void>((resolve) => waiting.push(resolve))
    room -= events
  }
}
