/**
 * The connections of a port that speak HTTP/2, from the first one on: who has none does not load it.
 */
import type { Socket } from "node:net"
import type { Options, Server } from "./server.ts"

export interface Intake {
  /** Takes a connection over, with what was read of it. */
  readonly take: (socket: Socket, read: Buffer) => void
  readonly leave: () => void
  readonly evict: (service: string) => void
}

/** Serves connections that are handed over. */
export const make = (options: Options): Intake => {
  let loading: Promise<Server> | undefined
  const then = (use: (server: Server) => void) => void loading?.then(use, () => undefined)
  return {
    take: (socket, read) => {
      socket.pause()
      socket.unshift(read)
      loading ??= import("./server.ts").then(({ make }) => make(options))
      loading.then((server) => {
        if (!socket.destroyed) server.take(socket)
      }, () => socket.destroy())
    },
    leave: () => then((server) => server.leave()),
    evict: (service) => then((server) => server.evict(service))
  }
}
