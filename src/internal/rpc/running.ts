/**
 * The calls that run in a server: counted, so that it can let them finish before it leaves.
 */
import * as Channel from "effect/Channel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { CurrentDeadline, CurrentHeaders } from "../../Rpc.ts"
import type { Call } from "../../Transport.ts"
import * as ServiceTime from "../serviceTime.ts"
import * as Priority from "./priority.ts"

export interface Running {
  readonly enter: () => void
  readonly leave: () => void
  /** Enters, and leaves with the scope. */
  readonly scoped: Effect.Effect<void, never, Scope.Scope>
  /** A unary handler took so many milliseconds and ends now: taken down once somebody has asked for `serviceTime`. */
  readonly took: (millis: number, now: number) => void
  /** What handlers took lately, on average, in milliseconds. */
  readonly serviceTime: () => number
  /** How many run. */
  readonly count: number
  /** Whether new calls are to be refused. */
  readonly refusing: boolean
  /** Refuses new calls from now on, and completes when the last running one has left. */
  readonly drain: Effect.Effect<void>
}

export const make = (): Running => {
  const idle = Latch.makeUnsafe(true)
  let count = 0
  let refusing = false
  let times: ServiceTime.ServiceTime | undefined
  const enter = () => {
    if (count++ === 0) idle.closeUnsafe()
  }
  const leave = () => {
    if (--count === 0) idle.openUnsafe()
  }
  return {
    enter,
    leave,
    took: (millis, now) => {
      if (times !== undefined) ServiceTime.note(times, millis, now)
    },
    serviceTime: () => ServiceTime.mean(times ??= ServiceTime.make()),
    scoped: Effect.acquireRelease(Effect.sync(enter), () => Effect.sync(leave)),
    get count() {
      return count
    },
    get refusing() {
      return refusing
    },
    drain: Effect.suspend(() => {
      refusing = true
      // The last call has left, but its reply is on its way only once this turn is over.
      return Effect.andThen(idle.await, Effect.yieldNow)
    })
  }
}

/**
 * The context that a server's handlers start from: that of whoever built the server, without the span and the deadline
 * of the building. It is flat, so that adding the call to it does not copy it.
 */
export const base = (context: Context.Context<never>): Context.Context<never> => {
  const services = new Map(context.mapUnsafe)
  services.delete(Tracer.ParentSpan.key)
  services.delete(CurrentDeadline.key)
  return Context.makeUnsafe<never>(services)
}

/** The context of a handler, with the priority of its call for those that it makes. */
export const prioritized = (context: Context.Context<never>, call: Call): Context.Context<never> =>
  Priority.isLow(call)
    ? Context.add(context, CurrentHeaders, { ...Context.get(context, CurrentHeaders), [Priority.header]: "low" })
    : context

/**
 * A stream that takes whoever pulls it to a context and leaves him there. It is for a fiber that does nothing else: to come
 * and go costs a stream of single elements more than what it does.
 */
export const staying = <A, E>(stream: Stream.Stream<A, E>, context: Context.Context<never>): Stream.Stream<A, E> =>
  Stream.fromChannel(
    Channel.fromTransform((upstream, scope) =>
      Effect.withFiber((fiber) => {
        fiber.setContext(context)
        return Channel.toTransform(stream.channel)(upstream, scope)
      })
    )
  ) as Stream.Stream<A, E>

/** A stream that runs in a context and sees nothing of the one around it; Effect's own way merges the two. */
export const within = <A, E>(
  stream: Stream.Stream<A, E>,
  context: Context.Context<never>
): Stream.Stream<A, E> => {
  const enter = <B, F>(effect: Effect.Effect<B, F>): Effect.Effect<B, F> => Effect.updateContext(effect, () => context)
  // The cast forgets that `E` might have been the signal of the end, which no stream fails with.
  return Stream.fromChannel(
    Channel.fromTransform((upstream, scope) =>
      Effect.map(enter(Channel.toTransform(stream.channel)(upstream, scope)), enter)
    )
  ) as Stream.Stream<A, E>
}
