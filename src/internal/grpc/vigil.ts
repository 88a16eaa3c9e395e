/**
 * Whether the other side of a connection of HTTP/2 is still there, while somebody waits for it.
 *
 * As over frames: after 10 seconds of silence a ping, and after 5 more without an answer the end. But servers of gRPC send
 * a client away that pings too much: to most of them a third ping within five minutes is too much, unless they have
 * themselves sent something of a call in between. So what is not one of us is asked twice, and then every five minutes.
 */
import type { Http2Session } from "node:http2"
import type { Entry, Wheel } from "../wheel.ts"

export interface Vigil {
  /** There is something to wait for. */
  readonly keep: () => void
  /** The other side has sent something of a call. */
  readonly heard: () => void
}

/** How often the other side may be asked. */
export type Patience = "any" | "strict"

/** Milliseconds of silence before a ping, and after it. */
const interval = 10_000
const patience = 5_000

/** What a strict server bears: so many pings at once, and then one in so many milliseconds, which is more than it wants. */
const allowance = 2
const pause = 310_000

/** Watches over a session for as long as `isWaiting` says that somebody waits. */
export const make = (session: Http2Session, wheel: Wheel, isWaiting: () => boolean, other: Patience): Vigil => {
  let entry: Entry | undefined
  let isSilent = true
  let pings = 0
  const wait = (millis: number, then: () => void) => {
    isSilent = true
    entry = wheel.add(millis, () => {
      entry = undefined
      if (!isWaiting() || session.destroyed) return
      if (isSilent) then()
      else listen()
    })
  }
  const listen = () => wait(other === "strict" && pings >= allowance ? pause : interval, ping)
  const ping = () => {
    pings++
    session.ping((error) => {
      if (error === null) isSilent = false
    })
    wait(patience, giveUp)
  }
  const giveUp = () => session.destroy(new Error(`nothing was heard for ${interval + patience} ms`))
  session.on("close", () => {
    if (entry !== undefined) wheel.remove(entry)
  })
  return {
    keep: () => {
      if (entry === undefined) listen()
    },
    heard: () => {
      isSilent = false
      pings = 0
    }
  }
}
