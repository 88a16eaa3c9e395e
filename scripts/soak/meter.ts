/** What a process weighs. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

/** Megabytes, what keeps the event loop busy, and fibers that have not ended. */
export interface Weight {
  readonly rss: number
  readonly handles: number
  readonly fibers: number
}

let fibers = 0

/** Counts the fibers that are started inside. */
export const counted = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => void fibers++,
    recordFiberEnd: () => void fibers--
  })

/** What it is now, without what could be collected. */
export const weigh = (): Weight => {
  globalThis.gc?.()
  return { rss: process.memoryUsage.rss() / 2 ** 20, handles: process.getActiveResourcesInfo().length, fibers }
}

/** Says something to the process that started this one. */
export const tell = (facts: unknown): Effect.Effect<void> =>
  Effect.sync(() => void process.stdout.write(`${JSON.stringify(facts)}\n`))
