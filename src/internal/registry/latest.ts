/**
 * The newest value, and everyone who follows it.
 *
 * Effect's `SubscriptionRef` queues every value for a reader that is late, without a bound. State needs no history: here
 * a late reader finds the newest value only, so what is kept is one value a reader.
 */
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"

/** The newest value, and everyone who follows it. */
export interface Latest<in out A> {
  readonly get: Effect.Effect<A>
  /** Replaces the value and returns something beside it. The same value again is not published. */
  readonly modify: <B>(f: (value: A) => readonly [B, A]) => Effect.Effect<B>
  readonly update: (f: (value: A) => A) => Effect.Effect<void>
  /** The value now, and after changes; a reader that is slow skips to the newest one. */
  readonly changes: Stream.Stream<A>
}

/** Starts with a value. */
export const make = <A>(initial: A): Effect.Effect<Latest<A>> =>
  Effect.gen(function*() {
    const followers = yield* PubSub.sliding<A>({ capacity: 1, replay: 1 })
    yield* PubSub.publish(followers, initial)
    let value = initial
    // Reads the value when it publishes: of two writers the later value is the last one out, whoever was first.
    const publish = Effect.suspend(() => PubSub.publish(followers, value))
    const modify: Latest<A>["modify"] = (f) =>
      Effect.uninterruptible(Effect.suspend(() => {
        const [result, next] = f(value)
        if (next === value) return Effect.succeed(result)
        value = next
        return Effect.as(publish, result)
      }))
    return {
      get: Effect.sync(() => value),
      modify,
      update: (f) => modify((value) => [undefined, f(value)]),
      changes: Stream.fromPubSub(followers)
    }
  })
