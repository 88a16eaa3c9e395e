/**
 * A lease that something is learned from.
 *
 * Several layers may learn from the same lease. They share one finalizer, which reads the clock once and tells each of
 * them in turn: closing a scope with a finalizer for each would cost more than the choice.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { now } from "../wheel.ts"

/** Told how the call went, and when it ended in milliseconds that never jump. */
export type Ending = (exit: Exit.Exit<unknown, unknown>, time: number) => void

/**
 * Calls back when the lease closes. False where it has closed already, and then it does not: what has not begun must not
 * end.
 *
 * It is no effect, so that nobody can be interrupted between this and what is counted on the strength of it.
 */
export const onEnd = (lease: Scope.Scope, clock: Clock.Clock, ending: Ending): boolean => {
  const { state } = lease
  switch (state._tag) {
    case "Closed":
      return false
    case "Empty":
      lease.state = opened(clock, ending)
      return true
    case "Open": {
      if (state.finalizerKey instanceof Account) state.finalizerKey.add(ending)
      // A scope that somebody uses for more than a lease.
      else Effect.runSync(Scope.addFinalizerExit(lease, (exit) => Effect.sync(() => ending(exit, now(clock)))))
      return true
    }
  }
}

/**
 * Closes a lease, at a moment that may be known already. Returns what remains to be done: nothing where all who learn from
 * the lease were told of its end here.
 */
export const close = (
  lease: Scope.Closeable,
  exit: Exit.Exit<unknown, unknown>,
  time?: number | undefined
): Effect.Effect<void> | undefined => {
  const { state } = lease
  if (state._tag === "Open" && state.finalizerKey instanceof Account) state.finalizerKey.time = time
  const left = Scope.closeUnsafe(lease, exit)
  return left === Effect.void ? undefined : left
}

// ---------------------------------------------------------------------------------------------------------------------

/** Marks a finalizer as one that others may join. */
class Account {
  readonly #first: Ending
  #others: Array<Ending> | undefined = undefined
  /** When the lease ended, where somebody has looked. */
  time: number | undefined = undefined

  constructor(first: Ending) {
    this.#first = first
  }

  add(ending: Ending): void {
    if (this.#others === undefined) this.#others = [ending]
    else this.#others.push(ending)
  }

  end(exit: Exit.Exit<unknown, unknown>, clock: Clock.Clock): void {
    const time = this.time ?? now(clock)
    this.#first(exit, time)
    if (this.#others !== undefined) { for (const ending of this.#others) ending(exit, time) }
  }
}

const opened = (clock: Clock.Clock, ending: Ending): Scope.State.Open => {
  const account = new Account(ending)
  return {
    _tag: "Open",
    finalizerKey: account,
    finalizer: (exit) => {
      account.end(exit, clock)
      return Effect.void
    },
    finalizers: undefined
  }
}
