/**
 * Messages that go out over one stream: as fast as the other side gives credit and the socket takes bytes.
 */
import * as Effect from "effect/Effect"
import type { Socket } from "node:net"
import { messageCost } from "./frames.ts"

export interface Outlet {
  /** More may be sent. */
  readonly credit: (bytes: number) => void
  /** Sends a chunk, one `write` a message, and completes when the next chunk may come. */
  readonly send: <A>(
    chunk: ReadonlyArray<A>,
    size: (message: A) => number,
    write: (message: A) => void
  ) => Effect.Effect<
    void
  >
}

/** Those who wait for a socket to take bytes again: in turn, and on one listener however many they are. */
export interface Gate {
  readonly wait: (step: () => void) => void
  readonly leave: (step: () => void) => void
}

/** The gate of a socket. */
export const gate = (socket: Socket): Gate => {
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
      waiting.add(step)
      listen()
    },
    leave: (step) => {
      waiting.delete(step)
    }
  }
}

/** An outlet with so much credit to begin with. */
export const make = (socket: Socket, gate: Gate, initial: number): Outlet => {
  let available = initial
  let waiting: (() => void) | undefined

  const send: Outlet["send"] = (chunk, size, write) => {
    let index = 0
    const proceed = (): boolean => {
      while (index < chunk.length && available > 0) {
        const message = chunk[index++]
        available -= size(message) + messageCost
        write(message)
      }
      return index === chunk.length
    }
    if (proceed() && !socket.writableNeedDrain) return Effect.void
    return Effect.callback<void>((resume) => {
      const step = () => {
        // The frames of others come in between: what waits here is the reader of this stream, or the whole socket.
        if (socket.writableNeedDrain && !socket.destroyed) {
          waiting = undefined
          gate.wait(step)
        } else if (proceed()) {
          waiting = undefined
          resume(Effect.void)
        } else {
          waiting = step
        }
      }
      step()
      return Effect.sync(() => {
        waiting = undefined
        gate.leave(step)
      })
    })
  }
  return {
    send,
    credit: (bytes) => {
      available += bytes
      waiting?.()
    }
  }
}
