/** One request on its way through undici, from dispatch to outcome: a reply, or how to read many of them. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Dispatcher } from "undici"
import type { Call, Reply } from "../../Transport.ts"
import { ConnectionLost, failure, NotConnected, TransportError, Unsupported } from "../../Transport.ts"
import { expired } from "../deadline.ts"
import { isRefusal } from "../tls/handshakes.ts"
import type { Wheel } from "../wheel.ts"
import * as Feed from "./feed.ts"
import * as Outcome from "./outcome.ts"
import type { Turn } from "./turn.ts"

export interface Options {
  readonly address: string
  readonly wheel: Wheel
  /** Bytes of a reply. */
  readonly maxMessage: number
}

/** Where the outcome goes. */
export interface Sink {
  /** Called at most once; not after the request was withdrawn. */
  readonly settle: (exit: Exit.Exit<Reply, TransportError>) => void
  /** Called once, when the request takes no more room in the pool. */
  readonly leave: () => void
  /** Called where the answer is no reply but a feed of them. The request may be settled at any time after. */
  readonly feed?: ((resume: () => void) => Body) | undefined
}

/** Takes the body of an answer as it comes. */
export interface Body {
  /** Whether it may go on at once; if not, it does when it is resumed. */
  readonly take: (chunk: Uint8Array) => boolean
  readonly end: () => void
}

/** A request of a call. */
export interface Request {
  readonly path: string
  readonly headers: Array<string>
  readonly message: Uint8Array
}

/** Sends a request, and gives up at the deadline of its call. Returns how to withdraw it. */
export const send = (
  turn: Turn,
  call: Call,
  { headers, message, path }: Request,
  { address, maxMessage, wheel }: Options,
  { feed, leave, settle }: Sink
): Effect.Effect<void> => {
  const limit = call.timeout !== undefined && Number.isFinite(call.timeout) ? call.timeout : undefined
  const attempt = new Attempt(
    call,
    address,
    maxMessage,
    (exit) => {
      if (entry !== undefined) wheel.remove(entry)
      settle(exit)
    },
    leave,
    feed
  )
  const entry = limit === undefined ? undefined : wheel.add(limit, () => {
    attempt.withdraw()
    settle(Exit.succeed(expired(call)))
  })
  const body = Buffer.from(message.buffer, message.byteOffset, message.length)
  const headersTimeout = limit === undefined ? patience : 0
  const bodyTimeout = feed === undefined ? headersTimeout : silence
  turn.dispatch({ path, method: "POST", headers, body, headersTimeout, bodyTimeout }, attempt)
  return Effect.sync(() => {
    if (entry !== undefined) wheel.remove(entry)
    attempt.withdraw()
  })
}

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds that a call without a deadline waits for its answer. */
const patience = 300_000

/** Milliseconds without a sign of life after which a feed is lost: three times what its server lets pass. */
const silence = 45_000

/**
 * Follows a request.
 *
 * **Details**
 *
 * What matters to a retry is whether the request may have been written. undici calls `onRequestStart` right before it
 * writes, and never writes a request twice: an error before is `NotConnected`, one after is `ConnectionLost`.
 */
class Attempt implements Dispatcher.DispatchHandler {
  private controller: Dispatcher.DispatchController | undefined = undefined
  private verdict: Exit.Exit<Reply, TransportError> | undefined = undefined
  private withdrawn = false
  private ended = false
  private code = 0
  private headers: Outcome.Response["headers"] = {}
  private chunks: Array<Uint8Array> = []
  private size = 0
  private body: Body | undefined = undefined

  private readonly call: Call
  private readonly address: string
  private readonly maxMessage: number
  private readonly settle: (exit: Exit.Exit<Reply, TransportError>) => void
  private readonly leave: () => void
  private readonly feed: Sink["feed"]

  /** `settle` is called once with the outcome unless the attempt is withdrawn, `leave` once in any case. */
  constructor(
    call: Call,
    address: string,
    maxMessage: number,
    settle: (exit: Exit.Exit<Reply, TransportError>) => void,
    leave: () => void,
    feed: Sink["feed"]
  ) {
    this.call = call
    this.address = address
    this.maxMessage = maxMessage
    this.settle = settle
    this.leave = leave
    this.feed = feed
  }

  /** Gives up: drops the connection when the request is on it, so that the server interrupts the handler. */
  withdraw(): void {
    this.withdrawn = true
    if (this.ended) return
    this.controller?.abort(aborted)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown here, undici skips the request; an abort would cost the healthy connection that it was about to take.
    if (this.withdrawn) throw aborted
    this.controller = controller
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    code: number,
    headers: Outcome.Response["headers"]
  ): void {
    this.code = code
    this.headers = headers
    if (this.feed !== undefined && code === 200 && Outcome.isFeed(headers)) {
      this.body = this.feed(() => controller.resume())
      return
    }
    const length = Number(headers["content-length"] ?? 0)
    if (length > this.maxMessage) this.refuse(controller, length)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.body !== undefined) {
      if (!this.body.take(chunk)) controller.pause()
      return
    }
    this.size += chunk.length
    if (this.size > this.maxMessage) this.refuse(controller, this.size)
    else this.chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (this.body !== undefined) {
      this.ended = true
      this.leave()
      return this.body.end()
    }
    const body = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks, this.size)
    // What is no feed is no reply either, be it in the content type of the call.
    const call = this.feed === undefined ? this.call : { ...this.call, contentType: Feed.events.contentType }
    this.end(Outcome.read(call, this.address, { code: this.code, headers: this.headers, body }))
  }

  onResponseError(_controller: unknown, cause: Error & { readonly code?: string }): void {
    this.end(this.verdict ?? this.explain(cause))
  }

  private explain(cause: Error & { readonly code?: string }): Exit.Exit<Reply, TransportError> {
    const address = this.address
    if (cause.code === "UND_ERR_INVALID_ARG") {
      return Exit.fail(new TransportError({ reason: new Unsupported({ address, problem: cause.message, cause }) }))
    }
    if (this.controller === undefined || isRefusal(cause)) {
      return Exit.fail(new TransportError({ reason: new NotConnected({ address, cause }) }))
    }
    return Exit.fail(new TransportError({ reason: new ConnectionLost({ address, cause }) }))
  }

  // The handler has run and would only say the same again: neither a break nor a reason for another attempt.
  private refuse(controller: Dispatcher.DispatchController, size: number): void {
    const message = `A reply of ${size} bytes or more is over the limit of ${this.maxMessage}`
    this.verdict = Exit.succeed(failure("Malformed", message))
    controller.abort(aborted)
  }

  // Leaves first: the caller goes on inside of `settle`, and its next call must not find this one still there.
  private end(exit: Exit.Exit<Reply, TransportError>): void {
    if (this.ended) return
    this.ended = true
    this.leave()
    if (!this.withdrawn) this.settle(exit)
  }
}

// Seen by nobody: whoever aborts knows better, or has stopped listening. One for all, as a stack for each is costly.
const aborted = new Error("The call was aborted")
