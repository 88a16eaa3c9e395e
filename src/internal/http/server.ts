/**
 * The plain HTTP/1.1 lane, server side: one request is one call, in the form of Go Micro or as a path. Its replies may be
 * many.
 *
 * A call starts in the event that brought its last byte; where it ends at once, no trace of it is kept. A client that
 * goes away interrupts its calls.
 */
import type * as Http from "node:http"
import type { Exchange, Reply } from "../../Transport.ts"
import type { Answer } from "../answering.ts"
import * as Write from "./answer.ts"
import * as Body from "./body.ts"
import * as Calls from "./calls.ts"
import * as Cors from "./cors.ts"
import * as Feed from "./feed.ts"
import * as Head from "./head.ts"
import * as Streaming from "./streaming.ts"

/** Who answers the calls of a service. */
export interface Listener {
  readonly service: string
  readonly exchange: Exchange
}

/** What the lane needs. */
export interface Options extends Streaming.Options {
  /**
   * Who answers a call: the same object for as long as its service is there. One that names no service, `""`, goes to
   * the only one there is, or the one it must mean.
   */
  readonly find: (service: string, method: string) => Listener | undefined
  /** The names that are answered for. */
  readonly services: () => ReadonlyArray<string>
  readonly answer: Answer
  /** Bytes of a message. */
  readonly maxMessage: number
  /** Calls under way, over all connections. One that waits its turn in a pipeline counts. */
  readonly maxCalls: number
  /** Which pages may call. None of another origin by default. */
  readonly cors?: Cors.Cors | undefined
}

/** The lane. */
export interface Server {
  /** The listener for a server's `request` event. */
  readonly request: (request: Http.IncomingMessage, response: Http.ServerResponse) => void
  /** From now on refuses calls as `Unavailable`, and asks for each connection to be closed. */
  readonly leave: () => void
  /** Interrupts the calls of a service, and cuts their connections once their finalizers have run. */
  readonly evict: (service: string) => void
}

/**
 * How the `http.Server` has to be made.
 *
 * **Details**
 *
 * Go Micro's clients keep a connection for up to 60 s and do not check it before they use it again, so this side must
 * keep it for longer. A request has 20 s to bring its headers and 60 s altogether. Beside the metadata of a call its
 * head may have 16 KiB, for the headers of the lane and of proxies.
 */
export const serverOptions = (maxHeaders: number) =>
  ({
    keepAliveTimeout: 70_000,
    headersTimeout: 20_000,
    requestTimeout: 60_000,
    maxHeaderSize: maxHeaders + 16 * 1024,
    noDelay: true
  }) as const satisfies Http.ServerOptions

/** Makes the lane. */
export const make = (options: Options): Server => {
  const calls = Calls.make()
  const lane: Lane = { ...options, cors: options.cors ?? Cors.none, calls, leaving: false }
  const admit = admission(lane)
  return {
    request: (request, response) => {
      const head = Head.read(request)
      Body.read(request, head.length, lane.maxMessage, (body) => {
        const { visitor } = head
        if (Cors.isPreflight(request.method, visitor) && lane.cors.problemOf(visitor) === undefined) {
          return Write.alone(response, 204, lane.cors.preflight(visitor))
        }
        const admitted = admit(head, body)
        if ("exchange" in admitted) return begin(lane, response, head, admitted, head.message ?? body!)
        write(lane, response, head, admitted.failure, admitted.code)
      })
    },
    leave: () => {
      lane.leaving = true
    },
    evict: calls.evict
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Lane extends Options {
  readonly cors: Cors.Cors
  readonly calls: Calls.Calls
  /** Whether there are to be no more calls. */
  leaving: boolean
}

/** Who answers a call, or why nobody does. */
const admission = (lane: Lane) => {
  const { calls, cors, find, maxCalls, maxMessage, services } = lane
  const tooLarge = Head.refuse(413, "Malformed", `The message is over the limit of ${maxMessage} bytes`)
  const overloaded = Head.refuse(429, "Overloaded", `${maxCalls} calls are under way here`)
  return ({ call, form, refusal, visitor }: Head.Head, body: Uint8Array | undefined): Listener | Head.Refusal => {
    if (body === undefined) return tooLarge
    // The headers of Go Micro are none that a browser sends without asking first.
    const problem = form._tag === "Path" ? cors.problemOf(visitor) : undefined
    if (problem !== undefined) return Head.refuse(403, "Malformed", problem)
    if (refusal !== undefined) return refusal
    if (lane.leaving) return shuttingDown
    if (calls.count() >= maxCalls) return overloaded
    return find(call.service, call.method) ?? unknown(call.service, call.method, services())
  }
}

const shuttingDown = Head.refuse(503, "Unavailable", "The server is shutting down")

const unknown = (service: string, method: string, services: ReadonlyArray<string>): Head.Refusal =>
  Head.refuse(
    404,
    "Unimplemented",
    service === ""
      ? `rpc: can't find method ${method}; Micro-Service may say whose it is: ${services.join(", ")}`
      : `rpc: can't find service ${service}`
  )

const begin = (
  lane: Lane,
  response: Http.ServerResponse,
  head: Head.Head,
  to: Listener,
  message: Uint8Array
): void => {
  const { feed, visitor } = head
  const headers = lane.cors.headers(visitor)
  // A browser comes back by itself, and would have the handler run again.
  if (feed === Feed.events && visitor.headers["last-event-id"] === Feed.lastEvent) {
    return Write.alone(response, 204, headers)
  }
  const socket = response.req.socket
  const call = head.call.service === to.service ? head.call : { ...head.call, service: to.service }
  const reply = (reply: Reply | undefined) => {
    // Nobody knows how far the handler came, and any answer would claim to.
    if (reply === undefined) socket.destroy()
    else write(lane, response, head, reply)
  }
  const fiber = feed === undefined
    ? lane.answer(to.exchange, call, message, reply)
    : Streaming.start(lane, to.exchange, call, message, { response, feed, headers, refuse: reply })
  if (fiber === undefined) return
  lane.calls.hold(socket, to.service, fiber)
  // Either may have come about while the fiber took its first steps.
  if (socket.destroyed || lane.find(to.service, call.method) !== to) fiber.interruptUnsafe()
}

const write = (
  { cors, leaving }: Lane,
  response: Http.ServerResponse,
  head: Head.Head,
  reply: Reply,
  code?: number
): void => Write.write(response, head, reply, { code, close: leaving, headers: cors.headers(head.visitor) })
