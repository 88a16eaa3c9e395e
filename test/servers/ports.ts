/** Ports for programs that do not take "any". */
import * as net from "node:net"

/** Ports that are free now, below those that the system gives to outgoing connections. */
export const free = async (count: number): Promise<ReadonlyArray<number>> => {
  const ports: Array<number> = []
  while (ports.length < count) {
    const port = 12_000 + Math.floor(Math.random() * 18_000)
    const server = net.createServer()
    const isFree = await new Promise<boolean>((settle) => {
      server.once("error", () => settle(false))
      server.listen(port, "127.0.0.1", () => settle(true))
    })
    if (!isFree) continue
    await new Promise((settle) => server.close(settle))
    if (!ports.includes(port)) ports.push(port)
  }
  return ports
}
