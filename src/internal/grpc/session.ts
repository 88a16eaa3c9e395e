/**
 * A connection at the listening end, and the calls that it has.
 */
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2"
import type { Vigil } from "./vigil.ts"

export interface Session {
  readonly http2: ServerHttp2Session
  readonly calls: Set<Held>
  readonly vigil: Vigil
}

/** A call, as its connection sees it. */
export interface Held {
  readonly session: Session
  /** Whom it goes to; empty where it is no call of gRPC. */
  readonly service: string
  /** Stops the handler, which ends the answer. */
  readonly interrupt: () => void
  /** To be told when the stream has closed. */
  readonly closed: () => void
}

/** Counts a call until its stream has closed. */
export const hold = (stream: ServerHttp2Stream, call: Held): void => {
  const { calls, vigil } = call.session
  calls.add(call)
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
  call.session.calls.delete(call)
  call.closed()
}
