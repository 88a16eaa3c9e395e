/**
 * Virtual time: what happens next happens at once, and the clock is set to when it would have.
 *
 * Effect's fibers run by it through a `Clock` and a `Scheduler` of their own, so that the same code which waits for timers
 * in production waits for nothing here, and does the same again for the same seed.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"

/** Virtual time, in milliseconds from its beginning. */
export interface Time {
  readonly now: () => number
  /** Does something in so many milliseconds; returns how to leave it. */
  readonly in: (millis: number, deed: () => void) => () => void
  /** Lets everything happen that happens until then. */
  readonly pass: (until: number) => void
  /** What Effect runs by. */
  readonly context: Context.Context<never>
}

/** Begins at nought. */
export const make = (): Time => {
  const agenda: Array<Entry> = []
  const ready: Array<() => void> = []
  let time = 0
  let count = 0
  const add = (millis: number, deed: () => void) => {
    const entry: Entry = { at: time + Math.max(0, millis), order: count++, deed }
    push(agenda, entry)
    return () => {
      entry.deed = undefined
    }
  }
  const drain = () => {
    for (let index = 0; index < ready.length; index++) ready[index]!()
    ready.length = 0
  }
  const pass = (until: number) => {
    drain()
    while (agenda.length > 0 && agenda[0]!.at <= until) {
      const { at, deed } = pop(agenda)
      time = at
      deed?.()
      drain()
    }
    time = until
  }
  const nanos = () => BigInt(Math.round(time * 1e6))
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: () => time,
    currentTimeMillis: Effect.sync(() => time),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const leave = add(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(leave)
      })
  }
  const scheduler = new Scheduler.MixedScheduler("async", (task) => {
    let isLeft = false
    ready.push(() => isLeft || task())
    return () => {
      isLeft = true
    }
  })
  const context = Context.make(Clock.Clock, clock).pipe(Context.add(Scheduler.Scheduler, scheduler))
  return { now: () => time, in: add, pass, context }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Entry {
  readonly at: number
  /** Of two at the same time, who came first. */
  readonly order: number
  deed: (() => void) | undefined
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order)

const push = (heap: Array<Entry>, entry: Entry): void => {
  let index = heap.push(entry) - 1
  while (index > 0) {
    const above = (index - 1) >> 1
    if (!isBefore(entry, heap[above]!)) break
    heap[index] = heap[above]!
    index = above
  }
  heap[index] = entry
}

const pop = (heap: Array<Entry>): Entry => {
  const first = heap[0]!
  const last = heap.pop()!
  if (heap.length === 0) return first
  let index = 0
  while (true) {
    let below = 2 * index + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++
    if (!isBefore(heap[below]!, last)) break
    heap[index] = heap[below]!
    index = below
  }
  heap[index] = last
  return first
}
