/**
 * How the bytes of a call reach an address and come back.
 *
 * A server is an `Exchange`: it answers calls, messages in and replies out. So is a connection to it. Because both ends
 * have one shape, middleware is a function from exchange to exchange on either side, and the in-memory transport is a
 * map. A transport never knows what the bytes mean.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Busy, Load } from "./Load.ts"

/** What travels ahead of the first message. */
export interface Call {
  /** Name of the service: `orders`. */
  readonly service: string
  /** Name of the method on the wire: `Orders.place`. */
  readonly method: string
  /** How the messages and replies are written: `application/json`. */
  readonly contentType: string
  /** Metadata; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** What is left of the deadline, in milliseconds, if there is one. */
  readonly timeout?: number | undefined
}

/** The last reply of a call that did not succeed. */
export interface Failure {
  readonly _tag: "Failure"
  readonly status: Status
  /** `Error`: the declared error, in the call's content type. Otherwise a message for people, in UTF-8. */
  readonly body: Uint8Array
  /** When to come back, in milliseconds; `Infinity` is not at all. Of `Overloaded` only. */
  readonly retryAfter?: number | undefined
}

/** `Error` is the contract's own; the others are about the road there. */
export type Status =
  | "Error"
  | "Defect"
  | "Unimplemented"
  | "Malformed"
  | "Unavailable"
  | "DeadlineExceeded"
  | "Overloaded"

/** One message of the answer, or how it failed. Nothing follows a failure. */
export type Reply = Uint8Array | Failure

/**
 * Answers calls: messages in, replies out. A server is one, and so is a connection to it.
 *
 * **Details**
 *
 * `unary(call, message)` is the head of `stream(call, message)`, and a message by itself is a stream of one. Interrupting
 * either interrupts the handler. The error channel belongs to the wire: what a handler says, success or failure, is a
 * `Reply`. When `call.timeout` has passed, the reply is `DeadlineExceeded` and the handler is interrupted; both ends see
 * to that. A stream of messages is not pulled before the other side asks for the first one. If it dies, so does the call.
 */
export interface Exchange<out E = never> {
  readonly unary: (call: Call, message: Uint8Array) => Effect.Effect<Reply, E>
  readonly stream: (call: Call, messages: Uint8Array | Stream.Stream<Uint8Array>) => Stream.Stream<Reply, E>
  /** How busy it is, where it tells. What it takes to know is measured from the first question on. */
  readonly load?: (() => Busy | undefined) | undefined
}

/** The exchange at the other end of a wire. */
export interface Connection extends Exchange<TransportError> {
  /** Whether the wire is this library's own, so that who answers reads what `Format.direct` writes. */
  readonly isOwn?: boolean | undefined
  /** Whether it takes new calls; those under way may still go on when it no longer does. */
  readonly isOpen: () => boolean
  /** Completes when the connection has ended by itself: it was lost, or idle, or the other side took its leave. */
  readonly closed: Effect.Effect<void>
  /** How many calls are under way, where that is known: a connection without any may be closed to make room. */
  readonly pending?: (() => number) | undefined
  /** What the other side has said last; nothing before it was asked once. */
  readonly load?: (() => Load | undefined) | undefined
  /** Asks it, where it can be asked. One question at a time is under way; who asks meanwhile waits for the same answer. */
  readonly probe?: Effect.Effect<Load, TransportError> | undefined
}

/** Wraps an exchange, on whichever side of the wire. One for callers alone may also fail as the wire does. */
export type Middleware = <E>(next: Exchange<E>) => Exchange<E>

/**
 * Carries calls between processes.
 *
 * **Details**
 *
 * All services of one transport share its port, which opens with the first `listen` and closes with the last. A call for
 * a service that nobody here listens for is answered with `Unimplemented`.
 */
export class Transport extends Context.Service<Transport, {
  /** Opens a connection that carries any number of concurrent calls until the scope closes. */
  readonly connect: (address: string) => Effect.Effect<Connection, TransportError, Scope.Scope>
  /** Answers every call of the service until the scope closes. Returns the address to be reached at, a URL. */
  readonly listen: (service: string, exchange: Exchange) => Effect.Effect<string, TransportError, Scope.Scope>
}>()("effect-micro/Transport") {}

/**
 * Decorates a transport: a layer that needs what it gives.
 *
 * **Example** (Counting calls on the client's side)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Metric from "effect/Metric"
 * import * as Transport from "effect-micro/Transport"
 *
 * const calls = Metric.counter("calls")
 *
 * export const Counted = Transport.layerWrap({
 *   client: (next) => ({
 *     unary: (call, message) => Effect.andThen(Metric.update(calls, 1), next.unary(call, message)),
 *     stream: next.stream
 *   })
 * })
 * ```
 */
export const layerWrap = (middleware: {
  readonly client?: ((next: Exchange<TransportError>) => Exchange<TransportError>) | undefined
  readonly server?: ((next: Exchange) => Exchange) | undefined
}): Layer.Layer<Transport, never, Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, (transport) => {
      const { client, server } = middleware
      return Transport.of({
        connect: client === undefined
          ? transport.connect
          : (address) =>
            Effect.map(
              transport.connect(address),
              (connection) => ({
                ...client(connection),
                isOwn: connection.isOwn,
                isOpen: connection.isOpen,
                closed: connection.closed,
                pending: connection.pending,
                load: connection.load,
                probe: connection.probe
              })
            ),
        listen: server === undefined
          ? transport.listen
          : (service, exchange) => transport.listen(service, { load: exchange.load, ...server(exchange) })
      })
    })
  )

const at = {
  /** The address in question, a URL. */
  address: Schema.String,
  cause: Schema.optional(Schema.Defect())
}

/** No connection could be made, or the call could not be sent over it. The call was not delivered. */
export class NotConnected extends Schema.TaggedError<NotConnected>("effect-micro/Transport/NotConnected")(
  "NotConnected",
  at
) {
  override get message(): string {
    return `${this.address} cannot be reached${detail(this.cause)}`
  }
}

/** The connection ended while the call was under way. It may have been delivered. */
export class ConnectionLost extends Schema.TaggedError<ConnectionLost>("effect-micro/Transport/ConnectionLost")(
  "ConnectionLost",
  at
) {
  override get message(): string {
    return `The connection to ${this.address} was lost${detail(this.cause)}`
  }
}

/** A stated limit is in the way: a message larger than allowed, too many headers. The call was not delivered. */
export class LimitExceeded extends Schema.TaggedError<LimitExceeded>("effect-micro/Transport/LimitExceeded")(
  "LimitExceeded",
  { ...at, limit: Schema.String, allowed: Schema.Number, actual: Schema.Number }
) {
  override get message(): string {
    return `${this.limit} of ${this.actual} is over the limit of ${this.allowed} at ${this.address}`
  }
}

/** The address cannot be listened on: a port in use, a service that is listened for already. */
export class CannotListen extends Schema.TaggedError<CannotListen>("effect-micro/Transport/CannotListen")(
  "CannotListen",
  { ...at, problem: Schema.String }
) {
  override get message(): string {
    return `Cannot listen on ${this.address}: ${this.problem}`
  }
}

/** The lane that the address names cannot carry such a call: a stream of messages over plain HTTP/1.1, an unknown scheme. */
export class Unsupported extends Schema.TaggedError<Unsupported>("effect-micro/Transport/Unsupported")(
  "Unsupported",
  { ...at, problem: Schema.String }
) {
  override get message(): string {
    return `${this.address}: ${this.problem}`
  }
}

/** What can go wrong on the wire. */
export class TransportError extends Schema.TaggedError<TransportError>("effect-micro/TransportError")(
  "TransportError",
  { reason: Schema.Union([NotConnected, ConnectionLost, LimitExceeded, CannotListen, Unsupported]) }
) {
  override get message(): string {
    return this.reason.message
  }
}

const detail = (cause: unknown): string => cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : ""

const encoder = new TextEncoder()

/** The reply that ends a call without success. A text becomes UTF-8. */
export const failure = (status: Status, body: Uint8Array | string, retryAfter?: number): Failure => ({
  _tag: "Failure",
  status,
  body: typeof body === "string" ? encoder.encode(body) : body,
  retryAfter
})

/** Whether a reply is a failure. */
export const isFailure = (reply: Reply): reply is Failure => !(reply instanceof Uint8Array)
