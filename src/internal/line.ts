/**
 * One method of one service, as a client holds it: what every attempt of a call, unary or streamed, is made of.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Codec, CodecError } from "../Codec.ts"
import type { Instance } from "../Registry.ts"
import { CurrentDeadline, CurrentHeaders } from "../Rpc.ts"
import * as RpcError from "../RpcError.ts"
import type { Selector } from "../Selector.ts"
import type { Call, Connection, Failure, Reply, TransportError } from "../Transport.ts"
import * as Attempts from "./attempts.ts"
import type { Connections } from "./connections.ts"
import type { Coders, Method } from "./methods.ts"
import * as Trace from "./trace.ts"
import { now } from "./wheel.ts"

/** What a call travels by. */
export interface Road {
  readonly codec: Codec["Service"]
  readonly selector: Selector["Service"]
  readonly connections: Connections
  /** Milliseconds that a call may take where nobody set a deadline; of a stream, until it is under way. */
  readonly timeout: number
}

/** One method of one service, as the client holds it. */
export interface Line {
  readonly road: Road
  readonly service: string
  readonly method: Method
  readonly coders: Coders
  /** Whether the selector has lent an instance before: then it no longer waits, and needs no bound. */
  known: boolean
}

/** The head of a call, and when it must have been answered, in milliseconds of the monotonic clock. */
export interface Head {
  readonly call: Call
  readonly deadline: number
}

/** The head of a call made by this fiber. A stream has a deadline only where somebody set one. */
export const head = (line: Line, fiber: Fiber.Fiber<unknown, unknown>, streams: boolean): Head => {
  const start = now(fiber.getRef(Clock.Clock))
  const set = fiber.getRef(CurrentDeadline)
  const deadline = set ?? start + line.road.timeout
  return {
    deadline,
    call: {
      service: line.service,
      method: line.method.endpoint,
      contentType: line.road.codec.preferred.contentType,
      headers: fiber.getRef(CurrentHeaders),
      timeout: streams && set === undefined ? undefined : deadline - start
    }
  }
}

/** The same call as a part of a trace. */
export const traced = (call: Call, span: Tracer.AnySpan): Call => ({
  ...call,
  headers: { ...call.headers, traceparent: Trace.format(span) }
})

/** The call with what is left of its time, if anything is. */
export const left = <A, E>(
  call: Call,
  deadline: number,
  use: (call: Call) => Effect.Effect<A, E>
): Effect.Effect<A, E | RpcError.RpcError> =>
  Effect.withFiber<A, E | RpcError.RpcError>((fiber) => {
    const rest = deadline - now(fiber.getRef(Clock.Clock))
    if (rest <= 0) return RpcError.fail("DeadlineExceeded", { service: call.service, method: call.method })
    return use(call.timeout === undefined ? call : { ...call, timeout: rest })
  })

/** The instance for one attempt. Only the very first one may wait, for the service's list to be known. */
export const lend = (
  line: Line,
  call: Call,
  deadline: number,
  scope: Scope.Closeable,
  history: Attempts.History | undefined
): Effect.Effect<Instance, RpcError.RpcError> => {
  const selected = Effect.mapError(
    Scope.provide(line.road.selector.select(line.service, Attempts.choice(history)), scope),
    (cause) => RpcError.make("Unreachable", { ...facts(line), cause })
  )
  if (line.known) return selected
  return Effect.tap(before(selected, call, deadline), () => {
    line.known = true
    return Effect.void
  })
}

/** The connection to an instance. Only dialling may wait. */
export const connection = (
  line: Line,
  call: Call,
  deadline: number,
  address: string
): Effect.Effect<Connection, RpcError.RpcError> => {
  const connected = line.road.connections.get(address)
  if (Exit.isExit(connected)) {
    const exit = connected as Exit.Exit<Connection, TransportError>
    if (exit._tag === "Success") return Effect.succeed(exit.value)
  }
  return before(Effect.mapError(connected, (error) => Attempts.fromTransport(error, call)), call, deadline)
}

/** Bounds what may wait before a transport bounds the call itself. Not for the hot path. */
const before = <A>(
  effect: Effect.Effect<A, RpcError.RpcError>,
  call: Call,
  deadline: number
): Effect.Effect<A, RpcError.RpcError> =>
  Effect.withFiber((fiber) =>
    Effect.timeoutOrElse(effect, {
      duration: Math.max(0, deadline - now(fiber.getRef(Clock.Clock))),
      orElse: () => RpcError.fail("DeadlineExceeded", { service: call.service, method: call.method })
    })
  )

/** A reply that is final. What the instance refused before any handler saw it is an error, and may be tried elsewhere. */
export const accepted = (reply: Reply, call: Call): Effect.Effect<Reply, RpcError.RpcError> =>
  reply instanceof Uint8Array || !isRefusal(reply)
    ? Effect.succeed(reply)
    : Effect.fail(Attempts.fromFailure(reply, call))

/** A wire that failed: its connection is forgotten. */
export const broken = (
  line: Line,
  call: Call,
  address: string,
  connected: Connection,
  error: TransportError
): RpcError.RpcError => {
  line.road.connections.drop(address, connected)
  return Attempts.fromTransport(error, call)
}

/** What a lease closes with: a failure only where it speaks against the instance. */
export const verdict = (exit: Exit.Exit<unknown, RpcError.RpcError>): Exit.Exit<unknown, unknown> => {
  if (exit._tag === "Success") return Exit.void
  const reason = exit.cause.reasons[0]
  return reason?._tag === "Fail" && Attempts.isInstanceFault(reason.error) ? exit : Exit.void
}

/** The value of a reply. */
export const decoded = (line: Line, reply: Uint8Array): Effect.Effect<unknown, RpcError.RpcError> => {
  const value: Exit.Exit<unknown, CodecError> = line.coders.success.decode(reply)
  return value._tag === "Success"
    ? Effect.succeed(value.value)
    : Effect.mapError(value, (cause) => malformed(line, cause))
}

export const malformed = (line: Line, cause: unknown) => RpcError.make("Malformed", { ...facts(line), cause })

/** A call that did not succeed: its declared error, or what became of it on the way. */
export const failed = (line: Line, call: Call, reply: Failure): Effect.Effect<never, unknown> => {
  if (reply.status !== "Error") return Effect.fail(Attempts.fromFailure(reply, call))
  const error = line.coders.error.decode(reply.body)
  return Effect.fail(error._tag === "Success" ? error.value : Attempts.fromFailure(reply, call))
}

// ---------------------------------------------------------------------------------------------------------------------

const facts = (line: Line) => ({ service: line.service, method: line.method.endpoint })

/** Whether the instance refused the call before any handler saw it. */
const isRefusal = (reply: Failure): boolean =>
  reply.status === "Unavailable" || reply.status === "Overloaded" || reply.status === "Unimplemented"
