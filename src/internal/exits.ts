/**
 * Effects that are done before they run.
 *
 * Effect's own check takes anything at all, and costs more than the step of a fiber that it spares here.
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/** Whether an effect is an `Exit`. */
export const isExit = <A, E, R>(effect: Effect.Effect<A, E, R>): effect is Exit.Exit<A, E> => {
  const prototype: unknown = Object.getPrototypeOf(effect)
  return prototype === success || prototype === failure
}

// ---------------------------------------------------------------------------------------------------------------------

const success: unknown = Object.getPrototypeOf(Exit.void)
const failure: unknown = Object.getPrototypeOf(Exit.fail(undefined))
