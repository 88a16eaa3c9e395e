import { assert, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Latest from "../src/internal/registry/latest.ts"

it.effect("lets a slow reader skip to the newest value", () =>
  Effect.gen(function*() {
    const latest = yield* Latest.make(0)
    const reading = yield* Deferred.make<void>()
    const goOn = yield* Deferred.make<void>()
    const seen = yield* latest.changes.pipe(
      Stream.tap(() => Effect.andThen(Deferred.succeed(reading, undefined), Deferred.await(goOn))),
      Stream.takeUntil((value) => value === 1000),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    yield* Deferred.await(reading)
    for (let times = 0; times < 1000; times++) yield* latest.update((value) => value + 1)
    yield* Deferred.succeed(goOn, undefined)
    assert.deepStrictEqual(yield* Fiber.join(seen), [0, 1000])
  }))

it.effect("shows the value to who comes late, and does not publish the same value again", () =>
  Effect.gen(function*() {
    const latest = yield* Latest.make("a")
    yield* latest.update(() => "b")
    const seen = yield* latest.changes.pipe(
      Stream.take(2),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    yield* latest.update((value) => value)
    assert.strictEqual(yield* latest.modify((value) => [value, "c"]), "b")
    assert.deepStrictEqual(yield* Fiber.join(seen), ["b", "c"])
  }))
