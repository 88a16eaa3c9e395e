/**
 * Messages that go out over one stream: as fast as the other side gives credit and the socket takes bytes.
 */
import * as Effect from "effect/Effect"
import type { Socket } from "node:net"
import * as Flow from "./flow.ts"
import { messageCost } from "./frames.ts"
import type { Gate } from "./gate.ts"

export interface Outlet<in A> {
  /** More may be sent. */
  readonly credit: (bytes: number) => void
  /** Sends a chunk, and completes when the next one may come. One at a time. */
  readonly send: (chunk: ReadonlyArray<A>) => Effect.Effect<void>
}

export interface Options<in A> {
  readonly socket: Socket
  readonly gate: Gate
  readonly outflow: Flow.Outflow
  /** Bytes that may be sent before the other side has given any credit. */
  readonly initial: number
  readonly size: (message: A) => number
  /** Sends a message. Where it returns false it tells `sent` when the message has gone, and nothing follows it before. */
  readonly write: (message: A, sent: () => void) => boolean
}

/** An outlet. What it knows of a chunk is kept in one place for all, as most streams have many small ones. */
export const make = <A>({ gate, initial, outflow, size, socket, write }: Options<A>): Outlet<A> => {
  let available = initial
  let chunk: ReadonlyArray<A> = []
  let index = 0
  let going = false
  let resume: (effect: Effect.Effect<void>) => void
  let waiting: (() => void) | undefined

  const sent = () => {
    going = false
    waiting?.()
  }
  /** Sends what can be sent; true once that is all. */
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
  const step = () => {
    waiting = undefined
    // The frames of others come in between: what waits here is the reader of this stream, or the whole socket.
    if (socket.writableNeedDrain && !socket.destroyed) gate.wait(step)
    else if (proceed()) resume(Effect.void)
    else if (available > 0 && !going) outflow.wait(step)
    else waiting = step
  }
  const leave = Effect.sync(() => {
    waiting = undefined
    gate.leave(step)
    outflow.leave(step)
  })
  const wait = Effect.callback<void>((resumed) => {
    resume = resumed
    step()
    return leave
  })
  return {
    send: (next) => {
      chunk = next
      index = 0
      // A socket that is full takes no more of anybody: what streams have to say must not pile up in front of it.
      return !socket.writableNeedDrain && proceed() && !socket.writableNeedDrain ? Effect.void : wait
    },
    credit: (bytes) => {
      available += bytes
      waiting?.()
    }
  }
}
