/**
 * Effects that whoever holds the fiber may run by hand, without a step of it.
 *
 * An effect that is described, run and found done costs several times what a choice does. One made here is an effect like
 * any other to those who do not know it, and goes through whatever hands it on as it is.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Exits from "./exits.ts"

/** What an effect does once its fiber runs it. */
export type Run<A, E> = (fiber: Fiber.Fiber<unknown, unknown>) => Effect.Effect<A, E>

/** Describes it. */
export const make = <A, E>(run: Run<A, E>): Effect.Effect<A, E> => {
  const effect: Held<A, E> = Effect.withFiber(run)
  effect[byHand] = run
  return effect
}

/**
 * Runs an effect, for a fiber that is running, as far as this can be done by hand: what comes back is an `Exit`, or is to
 * be run by the fiber in its stead.
 */
export const run = <A, E>(
  effect: Effect.Effect<A, E>,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<A, E> => {
  const run = (effect as Held<A, E>)[byHand]
  if (run === undefined) return effect
  try {
    return run(fiber)
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** What an effect succeeds with, where it has done so already; not for one that succeeds with nothing. */
export const value = <A extends {}>(effect: Effect.Effect<A, unknown>): A | undefined =>
  Exits.isExit(effect) && effect._tag === "Success" ? effect.value : undefined

// ---------------------------------------------------------------------------------------------------------------------

const byHand = Symbol("effect-micro/Prompt")

type Held<A, E> = Effect.Effect<A, E> & { [byHand]?: Run<A, E> }
