/**
 * Those who wait for a socket to take bytes again: in turn, and on one listener however many they are.
 */
import type { Socket } from "node:net"

export interface Gate {
  /** Calls `step` when the socket takes bytes, behind those who have waited longer; at once where it does and nobody waits. */
  readonly wait: (step: () => void) => void
  readonly leave: (step: () => void) => void
}

/** The gate of a socket. */
export const make = (socket: Socket): Gate => {
  const waiting = new Set<() => void>()
  let listening = false
  const listen = () => {
    if (listening) return
    listening = true
    socket.once("drain", pass)
  }
  const pass = () => {
    listening = false
    for (const step of waiting) {
      if (socket.writableNeedDrain) return listen()
      waiting.delete(step)
      step()
    }
  }
  return {
    wait: (step) => {
      if (!socket.writableNeedDrain && !listening) return step()
      waiting.add(step)
      listen()
    },
    leave: (step) => {
      waiting.delete(step)
    }
  }
}
