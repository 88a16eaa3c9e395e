import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run } from "./ledger/run.ts"
import * as Nats from "./servers/nats.ts"
import * as Redis from "./servers/redis.ts"

describe.each(
  [
    ["jetstream", Nats.isMissing, "nats-server"],
    ["redis", Redis.isMissing, "redis-server"]
  ] as const
)("a ledger over %s", (kind, isMissing, program) => {
  it.live.skipIf(isMissing)(
    `with ${program} loses no event though subscribers and broker are killed`,
    () =>
      Effect.gen(function*() {
        const plan = { kind, events: 20_000, subscribers: 2, brokers: 1 }
        const { duplicates, lost, repeated } = yield* run(plan)
        assert.strictEqual(lost, 0)
        // What two members hold when they or the broker are killed, and what was published again.
        assert.isAtMost(duplicates, 2 * 512 * (plan.subscribers + plan.brokers) + 500 * repeated)
      }),
    120_000
  )
})
