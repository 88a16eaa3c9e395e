/**
 * Callers that greet without a pause, and a count of who answered and how fast.
 */
import * as Effect from "effect/Effect"
import type { Greeter } from "../contracts.ts"

/** What has come of the calls since the count began. */
export interface Tally {
  /** Milliseconds that each answered call took. */
  readonly times: Array<number>
  /** Answers by the process that gave them. */
  readonly answers: Map<number, number>
  /** Why calls failed. */
  readonly failures: Array<string>
}

export const makeTally = (): Tally => ({ times: [], answers: new Map(), failures: [] })

/** So many callers, each with one call after the other until it is interrupted. They count into what `tally` gives. */
export const run = (greeter: Greeter["Service"], callers: number, tally: () => Tally): Effect.Effect<void> => {
  const call = Effect.gen(function*() {
    const from = performance.now()
    const { pid } = yield* greeter.hello({ name: "fleet" })
    const { answers, times } = tally()
    times.push(performance.now() - from)
    answers.set(pid, (answers.get(pid) ?? 0) + 1)
  }).pipe(
    Effect.catch((error) => Effect.sync(() => tally().failures.push(error.message)))
  )
  const each = Array.from({ length: callers }, () => Effect.forever(call))
  return Effect.all(each, { concurrency: "unbounded", discard: true })
}

/** How many calls a process has answered. */
export const answersOf = ({ answers }: Tally, pid: number): number => answers.get(pid) ?? 0

/** Milliseconds that a share of the calls took at most: 0.5 for the median. */
export const within = ({ times }: Tally, share: number): number =>
  times.toSorted((a, b) => a - b)[Math.ceil(share * times.length) - 1] ?? NaN

/** Waits until something is so; looks every few milliseconds. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.sync(condition).pipe(
    Effect.tap((held) => held ? Effect.void : Effect.sleep(5)),
    Effect.repeat({ until: (held) => held }),
    Effect.asVoid
  )
