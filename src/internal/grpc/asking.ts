/**
 * One call at the dialling end, from what its stream tells to how it ended.
 */
import type { ClientHttp2Stream } from "node:http2"
import { type Call, ConnectionLost, type Failure, failure, NotConnected, TransportError } from "../../Transport.ts"
import * as Framing from "./framing.ts"
import * as Messages from "./messages.ts"
import * as Outcome from "./outcome.ts"
import type * as Wire from "./wire.ts"

/** How a call ended: with a failure, without one, or not at all. */
export type End = Failure | "done" | TransportError

/** Who makes a call. */
export interface Caller {
  /** The answer has a head and no end. */
  readonly begun: () => void
  /** Called once, unless the call is given up. */
  readonly ended: (end: End) => void
}

/**
 * A call, from its stream's first word to its end.
 *
 * **Details**
 *
 * Node keeps what a stream leads to for much longer than the stream, and what is kept makes the collector run. So a stream
 * leads to its call as long as it has one, and by listeners that all streams share.
 *
 * **Gotchas**
 *
 * The end is seen behind the last read: who does not let the stream flow does not hear of it, unless it breaks.
 */
export class Asking {
  /** The first reply, of a call that listens for it. */
  reply: Uint8Array | undefined = undefined

  private trailers: Outcome.Headers | undefined = undefined
  private reader: Messages.Reader | undefined = undefined
  private encoding: unknown = undefined
  private error: Uint8Array | undefined = undefined
  private problem: Error | undefined = undefined
  private isComplete = false
  private isEmpty = true

  private readonly wire: Wire.Wire
  private readonly stream: Asked
  private readonly call: Call
  private readonly caller: Caller

  constructor(wire: Wire.Wire, stream: ClientHttp2Stream, call: Call, caller: Caller) {
    this.wire = wire
    this.stream = stream
    this.call = call
    this.caller = caller
    this.stream[asking] = this
    stream.on("response", responded)
    stream.on("error", failedStream)
    stream.on("end", endedStream)
    stream.on("close", closedStream)
  }

  /** The replies that a read has completed. */
  read(read: Buffer): ReadonlyArray<Uint8Array> {
    this.wire.vigil.heard()
    // The page of a proxy is no answer. One that went well may say so in its head.
    if (this.isOver() || (this.trailers?.[":status"] !== undefined && this.trailers["grpc-status"] !== "0")) return none
    this.isEmpty = false
    const { maxMessage } = this.wire.options
    const only = this.reader === undefined ? Framing.only(read, maxMessage) : undefined
    if (only !== undefined) return [only]
    this.reader ??= Messages.reader(maxMessage, () => this.encoding === "gzip")
    const messages = this.reader.read(read)
    if ("message" in messages) {
      this.end(failure("Malformed", messages.message))
      reset(this.stream)
      return none
    }
    const replies: Array<Uint8Array> = []
    for (const { bytes, flag } of messages) {
      if (flag === Framing.Flag.Error) this.error ??= bytes
      else replies.push(bytes)
    }
    return replies
  }

  /** Reads as fast as replies come. Only the first one is kept. */
  listen(): void {
    this.stream.on("data", listened)
  }

  listened(read: Buffer): void {
    const replies = this.read(read)
    this.reply ??= replies[0]
  }

  /** Gives a call up that has not ended, and interrupts its handler. */
  drop(): void {
    if (this.isOver()) return
    this.leave()
    reset(this.stream)
  }

  responded(head: Outcome.Headers): void {
    this.wire.vigil.heard()
    this.encoding = head["grpc-encoding"]
    if (Outcome.isEnd(head)) this.trailers = head
    else {
      this.stream.on("trailers", trailed)
      this.caller.begun()
    }
    this.settle()
  }

  trailed(head: Outcome.Headers): void {
    this.wire.vigil.heard()
    this.trailers ??= head
    this.settle()
  }

  failed(problem: Error): void {
    this.problem = problem
  }

  completed(): void {
    this.isComplete = true
    this.settle()
  }

  closed(): void {
    this.end(broken(this.wire, this.stream.rstCode, this.problem))
  }

  private isOver(): boolean {
    return this.stream[asking] !== this
  }

  private leave(): void {
    this.stream[asking] = undefined
    this.wire.pending--
  }

  private end(how: End): void {
    if (this.isOver()) return
    // First: the caller goes on inside of `ended`, and its next call must not find this one still there.
    this.leave()
    this.caller.ended(how)
  }

  private settle(): void {
    if (this.trailers === undefined || !this.isComplete) return
    const outcome = Outcome.read(this.call, this.trailers, this.error)
    if (outcome === "done" && this.isCut()) this.end(lost(this.wire, this.problem))
    else if (outcome === "done" && !this.isWhole()) this.end(failure("Malformed", "The answer ends within a message"))
    else this.end(outcome instanceof Error ? lost(this.wire, outcome) : outcome)
    // A server that has answered does not always read what else was to be sent. A reset is a write of its own, so that
    // a stream which ends by itself is left to.
    if (!this.stream.writableEnded) reset(this.stream)
    else if (!this.stream.writableFinished) this.stream.close(noError)
  }

  /** A head that says it went well goes ahead of the reply; Node ends what has come of that when the connection is closed. */
  private isCut(): boolean {
    return this.trailers?.[":status"] !== undefined && this.wire.session.destroyed && (this.isEmpty || !this.isWhole())
  }

  private isWhole(): boolean {
    return this.reader === undefined || this.reader.isWhole()
  }
}

/** It is not known whether a handler ran. */
export const lost = ({ options: { address } }: Wire.Wire, cause: Error | undefined): TransportError =>
  new TransportError({ reason: new ConnectionLost(cause === undefined ? { address } : { address, cause }) })

// ---------------------------------------------------------------------------------------------------------------------

const asking = Symbol("asking")

interface Asked extends ClientHttp2Stream {
  /** Its call, until that has ended. */
  [asking]?: Asking | undefined
}

function listened(this: Asked, read: Buffer): void {
  this[asking]?.listened(read)
}

function responded(this: Asked, head: Outcome.Headers): void {
  this[asking]?.responded(head)
}

function trailed(this: Asked, head: Outcome.Headers): void {
  this[asking]?.trailed(head)
}

function failedStream(this: Asked, problem: Error): void {
  this[asking]?.failed(problem)
}

function endedStream(this: Asked): void {
  this[asking]?.completed()
}

function closedStream(this: Asked): void {
  this[asking]?.closed()
}

/** Left alone, Node ends the messages of a stream before it resets it, and a handler would take those that came for all. */
const reset = (stream: ClientHttp2Stream): void => {
  if (stream.closed || stream.destroyed) return
  stream.end = () => stream
  stream.close(cancel)
}

const none: ReadonlyArray<Uint8Array> = []

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
