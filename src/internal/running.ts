/**
 * The calls that run in a server: counted, so that it can let them finish before it leaves.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { CurrentDeadline } from "../Rpc.ts"

export interface Running {
  readonly enter: () => void
  readonly leave: () => void
  /** Enters, and leaves with the scope. */
  readonly scoped: Effect.Effect<void, never, Scope.Scope>
  /** Whether new calls are to be refused. */
  readonly refusing: boolean
  /** Refuses new calls from now on, and completes when the last running one has left. */
  readonly drain: Effect.Effect<void>
}

export const make = (): Running => {
  const idle = Latch.makeUnsafe(true)
  let count = 0
  let refusing = false
  const enter = () => {
    if (count++ === 0) idle.closeUnsafe()
  }
  const leave = () => {
    if (--count === 0) idle.openUnsafe()
  }
  return {
    enter,
    leave,
    scoped: Effect.acquireRelease(Effect.sync(enter), () => Effect.sync(leave)),
    get refusing() {
      return refusing
    },
    drain: Effect.suspend(() => {
      refusing = true
      return idle.await
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
