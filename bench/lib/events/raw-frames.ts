/**
 * What Node can do: events as frames on a socket to each subscriber, each written as JSON and parsed, nothing checked.
 */
import * as net from "node:net"
import { frames } from "../frames.ts"
import { event } from "./contender.ts"

export const subscribe = (count: (events: number) => void): Promise<string> =>
  new Promise((resolve) => {
    const server = net.createServer((socket) => {
      frames(socket, () => count(1))
      socket.on("error", () => socket.destroy())
    })
    server.listen(0, "127.0.0.1", () => resolve(String((server.address() as net.AddressInfo).port)))
  })

export const publish = async (ports: ReadonlyArray<string>): Promise<void> => {
  const wires = await Promise.all(ports.map((port) =>
    new Promise<ReturnType<typeof frames>>((resolve) => {
      const socket = net.connect(Number(port), "127.0.0.1", () => resolve(frames(socket, () => undefined)))
    })
  ))
  let n = 0
  // As fast as the slowest takes them, with a look at the event loop now and then.
  const turn = () => {
    for (let i = 0; i < 256; i++) {
      const full = wires.find((wire) => wire.blocked())
      if (full !== undefined) return full.whenDrained(turn)
      n++
      for (const wire of wires) wire.send(n, 0, event(n))
    }
    setImmediate(turn)
  }
  turn()
}
