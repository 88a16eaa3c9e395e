/**
 * Work that may be long, in steps of which none is: what ten thousand members know takes a tenth of a second to read, and
 * a process that does nothing else meanwhile answers no pings.
 */
import { attempt, isProblem, type Problem } from "./problem.ts"

/** Each turn is a step; the last one has the result. */
export type Steps<A> = Generator<void, A, void>

/** Members that are written, read or taken in within one step, at most. */
export const members = 256

/** Bytes that are compressed or decompressed within one step, about. */
export const bytes = 16_384

/** All steps at once. */
export const run = <A>(steps: Steps<A>): A => {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/** The same steps; a problem is a value. */
export function* attempting<A>(steps: Steps<A>): Steps<A | Problem> {
  for (;;) {
    const step = attempt(() => steps.next())
    if (isProblem(step)) return step
    if (step.done === true) return step.value
    yield
  }
}
