/**
 * The connections of a port that speak HTTP, from the first one on.
 *
 * Node's HTTP costs a process 10 MiB and tens of milliseconds. Services that speak frames among themselves never load it.
 */
import type * as Http from "node:http"
import type { Socket } from "node:net"
import { silence } from "../mux/frames.ts"
import * as Plain from "./server.ts"

export interface Intake {
  /** Takes a connection over, with what was read of it. */
  readonly take: (socket: Socket, read: Buffer) => void
  /** Closes the connections that are idle, and the others after their next answer. */
  readonly close: () => void
}

/** Serves connections that are handed over. */
export const make = (plain: Plain.Server, maxHeaders: number): Intake => {
  let server: Promise<Http.Server> | undefined
  let closed = false
  const load = () =>
    import("node:http").then(({ createServer }) => {
      const made = createServer({ ...Plain.serverOptions(maxHeaders), ...declining }, plain.request)
      // A server that does not listen itself watches over the time of its requests only once it is told that it does.
      made.emit("listening")
      if (closed) made.close()
      return made
    })
  return {
    take: (socket, read) => {
      socket.setKeepAlive(true, silence)
      socket.pause()
      socket.unshift(read)
      server ??= load()
      server.then((server) => {
        server.emit("connection", socket)
        socket.resume()
      }, () => socket.destroy())
    },
    close: () => {
      closed = true
      server?.then((server) => server.close(), () => undefined)
    }
  }
}

// An upgrade to frames does not come this far, and no other one is known: the request is answered as if none was asked
// for. Where Node is too old to be told so, it ends the connection. The types do not tell of it everywhere.
const declining: Http.ServerOptions = { shouldUpgradeCallback: () => false } as Http.ServerOptions
