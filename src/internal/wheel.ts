/**
 * Deadlines of many calls on one timer.
 *
 * A call in flight costs a slot in an array, not a timer. The wheel turns only while something waits in it, by the
 * `Clock` of the scope it lives in, and is never early; it is late by at most two ticks, and by what the event loop is.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

/** What may stand in the wheel, and its place there. */
export interface Entry {
  readonly expire: () => void
  bucket: Array<Entry> | undefined
  index: number
  /** The tick that it expires at, counted from when the wheel began to turn. */
  due: number
}

/** A moment that was looked up on a clock, in milliseconds that never jump. */
export interface Moment {
  readonly clock: Clock.Clock
  readonly since: number
}

export interface Wheel {
  /** Calls `expire` once, in so many milliseconds, unless the entry is removed before. */
  readonly add: (millis: number, expire: () => void) => Entry
  /** The same for an entry that stands nowhere; who has just looked at the clock says when, and spares another look. */
  readonly enter: (entry: Entry, millis: number, moment?: Moment) => void
  readonly remove: (entry: Entry) => void
}

/** Milliseconds a tick, and buckets a turn: 4 s to come round, so that the usual deadline needs one round. */
const tick = 4
const size = 1024

/** The tick of what never expires. */
const farthest = 2 ** 50

/** A wheel that stops with the scope. */
export const make: Effect.Effect<Wheel, never, Scope.Scope> = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const buckets: Array<Array<Entry>> = Array.from({ length: size }, () => [])
  let count = 0
  let position = 0
  let turning = false
  let origin = 0

  const advance = () => {
    const target = Math.floor((now(clock) - origin) / tick)
    // After a long stop one turn is enough: it sees every bucket, and all in it that is due.
    position = Math.max(position, target - size)
    while (position < target && count > 0) turn(buckets[++position % size])
    position = target
  }
  const turn = (bucket: Array<Entry>) => {
    // Backwards, since removal puts the last entry in the place of the one removed.
    for (let index = bucket.length - 1; index >= 0; index--) {
      const entry = bucket[index]
      if (entry === undefined || entry.due > position) continue
      remove(entry)
      entry.expire()
    }
  }
  const spin = Effect.gen(function*() {
    while (count > 0) {
      yield* Effect.sleep(tick)
      advance()
    }
    turning = false
  })
  let spinning: Fiber.Fiber<void> | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => spinning?.interruptUnsafe()))

  const enter = (entry: Entry, millis: number, moment?: Moment): void => {
    const time = moment?.clock === clock ? moment.since : now(clock)
    count++
    if (!turning) {
      turning = true
      position = 0
      origin = time
      spinning = Effect.runForkWith(context)(spin)
    }
    // By the clock and not by where the wheel stands: it stands still while somebody keeps the event loop busy.
    const passed = time - origin
    const due = Math.max(position + 1, Math.min(farthest, Math.ceil((passed + millis) / tick)))
    const bucket = buckets[due % size]
    entry.due = due
    entry.bucket = bucket
    entry.index = bucket.length
    bucket.push(entry)
  }
  const add = (millis: number, expire: () => void): Entry => {
    const entry: Entry = { expire, bucket: undefined, index: 0, due: 0 }
    enter(entry, millis)
    return entry
  }
  const remove = (entry: Entry): void => {
    const bucket = entry.bucket
    if (bucket === undefined) return
    entry.bucket = undefined
    count--
    const last = bucket.pop()!
    if (last !== entry) {
      bucket[entry.index] = last
      last.index = entry.index
    }
  }
  return { add, enter, remove }
})

/** Milliseconds that never jump; only differences mean anything. */
export const now = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
