/**
 * A call that has a handler: what it takes to run it, and what is taken down of it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { CurrentCall, CurrentDeadline } from "../../Rpc.ts"
import type { Call, Failure } from "../../Transport.ts"
import * as Trace from "../trace.ts"
import { now } from "../wheel.ts"
import type * as Admission from "./admission.ts"
import type { Asked } from "./asked.ts"
import type * as Limit from "./limit.ts"
import type { Answering, Method } from "./methods.ts"
import * as Running from "./running.ts"
import type { Outcome, Tally } from "./tally.ts"

// Erased: what a handler takes and gives is known to its contract, which the coders come from.
export type Handler = (payload: any) => Effect.Effect<any, any, any> | Stream.Stream<any, any, any>

/** A method that is answered here. */
export interface Route {
  readonly method: Method
  readonly handler: Handler
  readonly profile: Limit.Profile
  readonly tally: Tally
  /** Who admits its calls, if anybody does. */
  readonly admission: Admission.Admission | undefined
}

/** What handlers run on. */
export interface Ground {
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  /** Whether somebody records the spans made here. */
  readonly records: boolean
}

export const makeGround = (services: Context.Context<never>): Ground => {
  const context = Running.base(services)
  return {
    context,
    clock: Context.get(context, Clock.Clock),
    records:
      Context.getOrUndefined(context, Tracer.Tracer as unknown as Context.Key<never, Tracer.Tracer>) !== undefined
  }
}

/** A call that has a handler. */
export interface Serving {
  readonly _tag: "Serving"
  readonly route: Route
  readonly coders: Answering
  readonly call: Asked
  readonly ground: Ground
  readonly running: Running.Running
  /** In milliseconds of the monotonic clock. */
  readonly arrived: number
}

/** The span that the caller's side told of. */
export const parentOf = (call: Call): Tracer.ExternalSpan | undefined => {
  const traceparent = call.headers["traceparent"]
  return traceparent === undefined ? undefined : Trace.parse(traceparent)
}

/** Whether the call gets a span of its own. */
export const isSpanned = (ground: Ground, parent: Tracer.AnySpan | undefined): boolean =>
  ground.records && parent?.sampled !== false

/** The context of a handler: that of its layer, with the call, its deadline and its trace. */
export const contextOf = (
  { arrived, call, ground }: Serving,
  parent: Tracer.AnySpan | undefined
): Context.Context<never> => {
  let context = Running.prioritized(Context.add(ground.context, CurrentCall, call), call)
  if (call.timeout !== undefined) context = Context.add(context, CurrentDeadline, arrived + call.timeout)
  return parent === undefined ? context : Context.add(context, Tracer.ParentSpan, parent)
}

/** Takes down what became of a call. Returns when that was. */
export const settle = ({ arrived, ground, route }: Serving, outcome: Outcome): number => {
  const ended = now(ground.clock)
  route.tally(outcome, ended - arrived)
  return ended
}

/** The reply to a call whose handler does not run. */
export const turnedAway = (serving: Serving, reply: Failure): Failure => {
  settle(serving, reply.status)
  return reply
}
