/**
 * When a connection has stood unused.
 */
import * as Effect from "effect/Effect"

/** What is known of the use of a connection. */
export interface Use {
  /** How many calls are under way. */
  readonly pending: () => number
  /** How many calls there have been. */
  readonly total: () => number
}

/** Completes when there has been no call for so many milliseconds, at most twice over. */
export const after = (use: Use, millis: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    let calls = -1
    while (use.pending() > 0 || use.total() !== calls) {
      calls = use.total()
      yield* Effect.sleep(millis)
    }
  })
