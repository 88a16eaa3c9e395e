/**
 * One method of one service, as a client holds it: what every attempt of a call, unary or streamed, is made of.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Codec, CodecError } from "../../Codec.ts"
import type { Instance } from "../../Registry.ts"
import * as RpcError from "../../RpcError.ts"
import type { SelectOptions, Selector, SelectorError } from "../../Selector.ts"
import type { Call, Connection, Failure, TransportError } from "../../Transport.ts"
import * as Ambient from "../ambient.ts"
import type { Connections } from "../connections.ts"
import * as Trace from "../trace.ts"
import { now } from "../wheel.ts"
import * as Attempts from "./attempts.ts"
import * as Budget from "./budget.ts"
import * as Meter from "./meter.ts"
import type { Method } from "./methods.ts"
import type * as Pace from "./pace.ts"
import * as Patience from "./patience.ts"
import type { Policy } from "./policy.ts"
import type { Target } from "./target.ts"
import * as Throttle from "./throttle.ts"
import type { Writing, Writings } from "./writing.ts"

/** What a call travels by. */
export interface Road {
  readonly codec: Codec["Service"]
  readonly selector: Selector["Service"]
  /** What every choice has to heed. */
  readonly choice: SelectOptions
  readonly connections: Connections
  /** Told of an instance that could not be reached. */
  readonly doubt: (instance: Instance) => Effect.Effect<void>
  /** How calls are tried again. */
  readonly policy: Policy
  readonly target: (service: string) => Target
  /** Milliseconds that a call may take where nobody set a deadline; of a stream, until it is under way. */
  readonly timeout: number
}

/** One method of one service, as the client holds it. */
export interface Line {
  readonly road: Road
  readonly service: string
  readonly target: Target
  readonly method: Method
  readonly writings: Writings
  /** Takes down what became of a call, and how long it took. */
  readonly tally: Meter.Tally
  /** How long its unary calls take. */
  readonly pace: Pace.Pace
  /** Whether the selector has lent an instance before: then it no longer waits, and needs no bound. */
  known: boolean
  /** Whether its last lease left something to be done at the end. */
  settles: boolean
  /** Whether the connection that its last call went over sends without the caller's fiber. */
  isStraight: boolean
}

/** The head of a call, and what of it does not travel. */
export interface Head {
  readonly call: Call
  /** When the call must have been answered, in milliseconds of the monotonic clock. */
  readonly deadline: number
  /** Whether `call.timeout` is shorter than what is left of the deadline, so that there is time to ask somebody else. */
  readonly cut: boolean
  /** When the call began. */
  readonly start: number
  /** When the attempt began; before it was lent an instance. */
  readonly since: number
  readonly clock: Clock.Clock
  /** The span of the call, where it is recorded: each attempt has one in it. */
  readonly span: Tracer.AnySpan | undefined
  /** What a selector that hashes finds the instance by. */
  readonly key: string | undefined
}

/** The head of a call made by this fiber. A stream has a deadline only where somebody set one. */
export const head = (line: Line, fiber: Fiber.Fiber<unknown, unknown>, streams: boolean): Head => {
  const { clock, deadline: set, headers, key } = Ambient.of(fiber)
  const start = now(clock)
  const deadline = set ?? start + line.road.timeout
  const left = streams && set === undefined ? undefined : deadline - start
  const enough = streams ? undefined : Patience.enough(line, left, 0)
  return {
    deadline,
    cut: enough !== undefined,
    start,
    since: start,
    clock,
    span: undefined,
    key,
    call: {
      service: line.service,
      method: line.method.endpoint,
      contentType: line.writings.usual.contentType,
      headers,
      timeout: enough ?? left
    }
  }
}

/** Gives another attempt of a unary call less time than is left, where that will do. */
export const cut = (line: Line, head: Head, { ran }: Attempts.History): Head => {
  const enough = Patience.enough(line, head.call.timeout, ran)
  return enough === undefined ? head : { ...head, cut: true, call: { ...head.call, timeout: enough } }
}

/** Pays for a call, or refuses it where most calls to the service are refused. */
export const refusal = (
  { method, road, service, tally, target }: Line,
  { since }: Head,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<never, RpcError.RpcError> | undefined => {
  const { retries, throttle } = target
  Budget.pay(retries, since)
  const share = road.policy.throttle ? Throttle.share(throttle, since) : 0
  if (share === 0 || fiber.getRef(Random.Random).nextDoubleUnsafe() >= share) return undefined
  Throttle.ask(throttle, since)
  Throttle.refuse(throttle, since)
  target.throttled++
  tally("Overloaded", 0)
  return RpcError.fail("Overloaded", { service, method: method.endpoint, cause: throttled })
}

const throttled = new Error("most calls of the last ten seconds were, so this one was not sent")

/** The same call as a part of a trace. */
export const traced = (head: Head, span: Tracer.AnySpan): Head => ({
  ...head,
  call: { ...head.call, headers: { ...head.call.headers, traceparent: Trace.format(span) } }
})

/** An instance, or why there is none. */
export type Choice = Effect.Effect<Instance, SelectorError | RpcError.RpcError>

/**
 * The instance for one attempt. Only the very first one may wait, for the service's list to be known. Nobody is lent to
 * a call that has no time left: its handler would run for nobody.
 */
export const lend = (
  line: Line,
  { call, deadline, since }: Head,
  lease: Scope.Scope,
  options: SelectOptions | undefined
): Choice => {
  if (call.timeout !== undefined && call.timeout <= 0) {
    return RpcError.fail("DeadlineExceeded", { service: call.service, method: call.method })
  }
  line.target.attempts++
  Throttle.ask(line.target.throttle, since)
  const selected = line.road.selector.select(line.service, lease, options)
  if (line.known) return selected
  return Effect.tap(before(selected, call, deadline), () => {
    line.known = true
    return Effect.void
  })
}

/** The connection to an instance. Only dialling may wait. */
export const dial = (
  line: Line,
  { call, cut, deadline, since }: Head,
  { address, id }: Instance,
  avoid: SelectOptions["avoid"]
): Effect.Effect<Connection, TransportError | RpcError.RpcError> =>
  // Who is sent back to an instance has nowhere else to go.
  before(line.road.connections.get(address, avoid?.has(id)), call, cut ? since + (call.timeout ?? 0) : deadline)

/** Bounds what may wait before a transport bounds the call itself. Not for the hot path. */
const before = <A, E>(
  effect: Effect.Effect<A, E>,
  call: Call,
  deadline: number
): Effect.Effect<A, E | RpcError.RpcError> =>
  Effect.withFiber((fiber) =>
    Effect.timeoutOrElse(effect, {
      duration: Math.max(0, deadline - now(fiber.getRef(Clock.Clock))),
      orElse: () => RpcError.fail("DeadlineExceeded", { service: call.service, method: call.method })
    })
  )

/** What went wrong in an attempt, before or instead of a reply. */
export type Fault = SelectorError | TransportError | RpcError.RpcError

/** The same, as the caller is told of it. */
export const explain = (line: Line, call: Call, fault: Fault): RpcError.RpcError => {
  switch (fault._tag) {
    case "RpcError":
      return fault
    case "TransportError":
      return Attempts.fromTransport(fault, call)
    case "SelectorError":
      return RpcError.make("Unreachable", { ...facts(line), cause: fault })
  }
}

/** Whether the instance refused the call before any handler saw it, so that it may be tried elsewhere. */
export const isRefusal = (reply: Failure): boolean =>
  reply.status === "Unavailable" || reply.status === "Overloaded" || reply.status === "Unimplemented"

/** Another attempt after one that failed, where there may be one. */
export const again = <A, E>(
  line: Line,
  head: Head,
  failed: Attempts.Outcome,
  error: RpcError.RpcError,
  instance: Instance | undefined,
  history: Attempts.History | undefined,
  attempt: (head: Head, history: Attempts.History) => Effect.Effect<A, E>
): Effect.Effect<A, E | RpcError.RpcError> => {
  if (failed === "overloaded") Throttle.refuse(line.target.throttle, head.since)
  // That nobody is left to ask says less than what those who were asked had said.
  if (instance === undefined) return Effect.fail(history?.last ?? error)
  const moved = Attempts.next(history, failed, error, instance, line.road.policy, line.target)
  const doubted = error.reason._tag === "Unreachable" || error.reason._tag === "Disconnected"
    ? line.road.doubt(instance)
    : Effect.void
  return Effect.andThen(
    doubted,
    moved === undefined ? Effect.fail(error) : Effect.flatMap(wait(head, moved), (head) => attempt(head, moved))
  )
}

/** The head of the next attempt, once it is time for it; fails where that is too late. */
const wait = (head: Head, { last, pause }: Attempts.History): Effect.Effect<Head, RpcError.RpcError> =>
  Effect.withFiber((fiber) => {
    const length = pause.lot === 0
      ? pause.least
      : pause.least + fiber.getRef(Random.Random).nextDoubleUnsafe() * pause.lot
    if (length === 0) return left(head)
    return now(head.clock) + length < head.deadline
      ? Effect.andThen(Effect.sleep(length), Effect.suspend(() => left(head)))
      : Effect.fail(last)
  })

/** The value of a reply. */
export const decoded = (
  line: Line,
  { success }: Writing,
  { start }: Head,
  reply: Uint8Array,
  end: number
): Effect.Effect<unknown, RpcError.RpcError> => {
  const value: Exit.Exit<unknown, CodecError> = success.decode(reply)
  if (value._tag === "Failure") return Effect.mapError(value, (cause) => malformed(line, cause))
  line.tally("OK", end - start)
  return Effect.succeed(value.value)
}

/** Takes down that a call failed. */
export const ended = ({ tally }: Line, { clock, start }: Head, error: unknown): void =>
  tally(Meter.outcome(error), now(clock) - start)

export const malformed = (line: Line, cause: unknown) => RpcError.make("Malformed", { ...facts(line), cause })

/** A call that did not succeed: its declared error, or what became of it on the way. */
export const failed = (
  writing: Writing,
  call: Call,
  reply: Failure
): Effect.Effect<never, unknown> => {
  if (reply.status !== "Error") return Effect.fail(Attempts.fromFailure(reply, call))
  const error = writing.error.decode(reply.body)
  return Effect.fail(error._tag === "Success" ? error.value : Attempts.fromFailure(reply, call))
}

// ---------------------------------------------------------------------------------------------------------------------

const facts = (line: Line) => ({ service: line.service, method: line.method.endpoint })

/** The head of a call with what is left of its time, if anything is. */
const left = (head: Head): Effect.Effect<Head, RpcError.RpcError> => {
  const { call, clock, deadline } = head
  const since = now(clock)
  const rest = deadline - since
  if (rest <= 0) return RpcError.fail("DeadlineExceeded", { service: call.service, method: call.method })
  return Effect.succeed({
    ...head,
    since,
    cut: false,
    call: call.timeout === undefined ? call : { ...call, timeout: rest }
  })
}
