/**
 * Long work without long standstills.
 */
import * as Effect from "effect/Effect"
import type { Steps } from "../wire/steps.ts"

/** Does a step in each turn of the event loop, so that packets and timers have theirs in between. */
export const spread = <A>(steps: Steps<A>): Effect.Effect<A> =>
  Effect.suspend(() => {
    const step = steps.next()
    return step.done === true ? Effect.succeed(step.value) : Effect.flatMap(turn, () => spread(steps))
  })

// ---------------------------------------------------------------------------------------------------------------------

const turn: Effect.Effect<void> = Effect.callback((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
