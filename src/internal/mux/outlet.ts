/**
 * Messages that go out over one stream: as fast as the other side gives credit and the socket takes bytes.
 */
import * as Effect from "effect/Effect"
import type { Socket } from "node:net"
import * as Flow from "./flow.ts"
import { messageCost } from "./frames.ts"
import type { Gate } from "./gate.ts"

export interface Outlet {
  /** More may be sent. */
  readonly credit: (bytes: number) => void
  /**
   * Sends a chunk, one `write` a message, and completes when the next chunk may come. A `write` that returns false tells
   * `sent` when the message has gone, and nothing follows it before.
   */
  readonly send: <A>(
    chunk: ReadonlyArray<A>,
    size: (message: A) => number,
    write: (message: A, sent: () => void) => boolean
  ) => Effect.Effect<void>
}

/** An outlet with so much credit to begin with. */
export const make = (socket: Socket, gate: Gate, outflow: Flow.Outflow, initial: number): Outlet => {
  let available = initial
  let waiting: (() => void) | undefined

  const send: Outlet["send"] = (chunk, size, write) => {
    let index = 0
    let going = false
    const sent = () => {
      going = false
      waiting?.()
    }
    const proceed = (): boolean => {
      while (index < chunk.length && available > 0 && !going && outflow.isOpen()) {
        const message = chunk[index++]
        const bytes = size(message)
        available -= bytes + messageCost
        outflow.spend(Flow.cost(bytes))
        going = !write(message, sent)
      }
      return index === chunk.length && !going
    }
    // A socket that is full takes no more of anybody: what streams have to say must not pile up in front of it.
    if (!socket.writableNeedDrain && proceed() && !socket.writableNeedDrain) return Effect.void
    return Effect.callback<void>((resume) => {
      const step = () => {
        // The frames of others come in between: what waits here is the reader of this stream, or the whole socket.
        if (socket.writableNeedDrain && !socket.destroyed) {
          waiting = undefined
          gate.wait(step)
        } else if (proceed()) {
          waiting = undefined
          resume(Effect.void)
        } else if (available > 0 && !going) {
          waiting = undefined
          outflow.wait(step)
        } else {
          waiting = step
        }
      }
      step()
      return Effect.sync(() => {
        waiting = undefined
        gate.leave(step)
        outflow.leave(step)
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
