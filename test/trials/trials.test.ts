import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Trials from "./trials.ts"

it.live(
  "no call fails while processes are killed, stopped, slowed down and restarted",
  () =>
    Effect.gen(function*() {
      const trials = yield* Trials.run({ members: 3, callers: 16, calls: 1000, stopped: 1000 })
      assert.lengthOf(trials, 6)
      for (const { calls, failed, name, p99, why } of trials) {
        assert.isAtLeast(calls, 1000, name)
        assert.strictEqual(failed, 0, `${name}: ${why}`)
        // The deadline is 5 seconds; nobody came near it.
        assert.isBelow(p99, 2500, name)
      }
    }),
  60_000
)
