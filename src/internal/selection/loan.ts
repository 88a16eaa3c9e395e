/**
 * An instance with a call that counts.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Instance } from "../../Registry.ts"

/** What a strategy does as it lends an instance, and as the lease closes. */
export interface Loan {
  readonly begin: () => void
  /** Runs where the lease closes, so it must not wait. */
  readonly end: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

/** Lends an instance. What begins ends, whenever the caller is interrupted; what never began does not end. */
export const lend = (instance: Instance, lease: Scope.Scope, loan: Loan): Effect.Effect<Instance> => {
  let begun = false
  const closed = Scope.addFinalizerExit(lease, (exit) => begun ? loan.end(exit) : Effect.void)
  return Effect.map(closed, () => {
    // Behind the finalizer: counted before it, a call that is interrupted in between would count forever. A lease that
    // was closed already has run it.
    if (lease.state._tag !== "Closed") {
      begun = true
      loan.begin()
    }
    return instance
  })
}
