/**
 * A port for those who cannot say which one they were given.
 */
import { once } from "node:events"
import * as net from "node:net"

/** A port that was free a moment ago. */
export const free = async (): Promise<number> => {
  const server = net.createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, "close")
  return port
}
