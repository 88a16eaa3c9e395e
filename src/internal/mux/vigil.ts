/**
 * Whether the other side of a connection is still there, while somebody waits for it.
 *
 * A host that vanished without a word is not noticed by a socket that only reads. While calls are under way and nothing
 * has been heard for a while, a ping goes out; what is not answered in time ends the connection, and its calls with it.
 * Both ends keep watch, each for itself, and neither does while there are no calls.
 */
import type { Socket } from "node:net"
import type { Entry, Wheel } from "../wheel.ts"
import { Type } from "./frames.ts"
import type { Writer } from "./writer.ts"

export interface Vigil {
  /** There is something to wait for. */
  readonly keep: () => void
  /** The other side has said something. */
  readonly heard: () => void
}

/** Milliseconds of silence before a ping, and after it. */
const interval = 10_000
const patience = 5_000

/** Watches over a socket for as long as `isWaiting` says that somebody waits. */
export const make = (socket: Socket, writer: Writer, wheel: Wheel, isWaiting: () => boolean): Vigil => {
  let entry: Entry | undefined
  let heard = false
  const wait = (millis: number, then: () => void) => {
    heard = false
    entry = wheel.add(millis, () => {
      entry = undefined
      if (!isWaiting() || socket.destroyed) return
      // While we do not read, silence says nothing.
      if (heard || socket.isPaused()) return wait(interval, ping)
      then()
    })
  }
  const ping = () => {
    writer.frame(Type.Ping, 0, 0)
    wait(patience, giveUp)
  }
  const giveUp = () => void socket.destroy(new Error(`nothing was heard for ${interval + patience} ms`))
  socket.on("close", () => {
    if (entry !== undefined) wheel.remove(entry)
  })
  return {
    keep: () => {
      if (entry === undefined) wait(interval, ping)
    },
    heard: () => {
      heard = true
      writer.heard()
    }
  }
}
