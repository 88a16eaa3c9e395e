/**
 * A connection at the listening end, and the calls that it has.
 */
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2"
import type { Vigil } from "./vigil.ts"

export interface Session {
  readonly http2: ServerHttp2Session
  /** In no order. A set would do, were it not for what it keeps of those that have left it. */
  readonly calls: Array<Held>
  readonly vigil: Vigil
}

/** A call, as its connection sees it. */
export interface Held {
  readonly session: Session
  /** Whom it goes to; empty where it is no call of gRPC. */
  readonly service: string
  /** Where it is among the calls of its connection. */
  place: number
  /** Stops the handler, which ends the answer. */
  readonly interrupt: () => void
  /** To be told when the stream has closed. */
  readonly closed: () => void
}

/** Counts a call until its stream has closed. */
export const hold = (stream: ServerHttp2Stream, call: Held): void => {
  const { calls, vigil } = call.session
  call.place = calls.length
  calls.push(call)
  vigil.heard()
  vigil.keep()
  const holding: Holding = stream
  holding[held] = call
  stream.on("close", released)
}

// ---------------------------------------------------------------------------------------------------------------------

const held = Symbol("held")

/** Node keeps what a stream leads to for much longer than the stream, so a stream that has closed leads to no call. */
interface Holding extends ServerHttp2Stream {
  [held]?: Held | undefined
}

function released(this: Holding): void {
  const call = this[held]
  if (call === undefined) return
  this[held] = undefined
  forget(call)
  call.closed()
}

/** The last one takes its place. */
const forget = ({ place, session: { calls } }: Held): void => {
  const last = calls.pop()!
  if (place === calls.length) return
  calls[place] = last
  last.place = place
}
