/**
 * One call at the dialling end, from what its stream tells to how it ended.
 */
import * as Effect from "effect/Effect"
import type { ClientHttp2Stream } from "node:http2"
import { type Call, ConnectionLost, type Failure, failure, NotConnected, TransportError } from "../../Transport.ts"
import * as Framing from "./framing.ts"
import * as Messages from "./messages.ts"
import * as Outcome from "./outcome.ts"
import type * as Wire from "./wire.ts"

/** How a call ended: with a failure, without one, or not at all. */
export type End = Failure | "done" | TransportError

export interface Asking {
  /** The replies that a read has completed. */
  readonly read: (read: Buffer) => ReadonlyArray<Uint8Array>
}

/**
 * Follows a stream. `begun` is called when the answer has a head and no end, `ended` once when it has one.
 *
 * **Gotchas**
 *
 * The end is seen behind the last read: who does not let the stream flow does not hear of it, unless it breaks.
 */
export const follow = (
  wire: Wire.Wire,
  stream: ClientHttp2Stream,
  call: Call,
  begun: () => void,
  ended: (end: End) => void
): Asking => {
  const { maxMessage } = wire.options
  let trailers: Outcome.Headers | undefined
  let encoding: unknown
  let error: Uint8Array | undefined
  let problem: Error | undefined
  let complete = false
  let isEmpty = true
  let isOver = false
  const end = (how: End) => {
    if (isOver) return
    isOver = true
    // First: the caller goes on inside of `ended`, and its next call must not find this one still there.
    wire.calls.delete(stream)
    ended(how)
  }
  // A head that says it went well goes ahead of the reply; Node ends what has come of that when the connection is closed.
  const isCut = () => trailers?.[":status"] !== undefined && wire.session.destroyed && (isEmpty || !reader.isWhole())
  const settle = () => {
    if (trailers === undefined || !complete) return
    const outcome = Outcome.read(call, trailers, error)
    if (outcome === "done" && isCut()) end(lost(wire, problem))
    else if (outcome === "done" && !reader.isWhole()) end(failure("Malformed", "The answer ends within a message"))
    else end(outcome instanceof Error ? lost(wire, outcome) : outcome)
    // A server that has answered does not always read what else was to be sent. A reset is a write of its own, so that
    // a stream which ends by itself is left to.
    if (!stream.writableEnded) drop(wire, stream)
    else if (!stream.writableFinished) stream.close(noError)
  }
  const reader = Messages.reader(maxMessage, () => encoding === "gzip")
  stream.on("response", (head) => {
    wire.vigil.heard()
    encoding = head["grpc-encoding"]
    if (Outcome.isEnd(head)) trailers = head
    else begun()
    settle()
  })
  stream.on("trailers", (head) => {
    wire.vigil.heard()
    trailers ??= head
    settle()
  })
  stream.on("error", (cause) => {
    problem = cause
  })
  stream.on("end", () => {
    complete = true
    settle()
  })
  stream.on("close", () => {
    if (!isOver) end(broken(wire, stream.rstCode, problem))
  })
  return {
    read: (read) => {
      wire.vigil.heard()
      // The page of a proxy is no answer. One that went well may say so in its head.
      if (isOver || (trailers?.[":status"] !== undefined && trailers["grpc-status"] !== "0")) return []
      isEmpty = false
      const messages = reader.read(read)
      if ("message" in messages) {
        end(failure("Malformed", messages.message))
        drop(wire, stream)
        return []
      }
      const replies: Array<Uint8Array> = []
      for (const { bytes, flag } of messages) {
        if (flag === Framing.Flag.Error) error ??= bytes
        else replies.push(bytes)
      }
      return replies
    }
  }
}

/**
 * Gives a call up, and interrupts its handler.
 *
 * **Gotchas**
 *
 * Left alone, Node ends the messages of a stream before it resets it, and a handler would take those that came for all.
 */
export const drop = ({ calls }: Wire.Wire, stream: ClientHttp2Stream): void => {
  calls.delete(stream)
  if (stream.closed || stream.destroyed) return
  stream.end = () => stream
  stream.close(cancel)
}

/** What a call has come to for its caller, where it has no reply. */
export const failed = (end: Failure | TransportError): Effect.Effect<Failure, TransportError> =>
  end._tag === "Failure" ? Effect.succeed(end) : Effect.fail(end)

/** It is not known whether a handler ran. */
export const lost = ({ options: { address } }: Wire.Wire, cause: Error | undefined): TransportError =>
  new TransportError({ reason: new ConnectionLost(cause === undefined ? { address } : { address, cause }) })

// ---------------------------------------------------------------------------------------------------------------------

const noError = 0
const refused = 7
const cancel = 8
const calm = 11

/**
 * A stream that the server refused, or whose number is above the last one it took, never reached a handler. One that asks
 * for calm came when the connection held too much already, at either end.
 */
const broken = (wire: Wire.Wire, code: number | undefined, cause: Error | undefined): Failure | TransportError => {
  const { address } = wire.options
  return code === calm
    ? failure("Overloaded", `The connection to ${address} has too much on its way`)
    : code === refused
    ? new TransportError({ reason: new NotConnected({ address, ...cause === undefined ? undefined : { cause } }) })
    : lost(wire, cause)
}
