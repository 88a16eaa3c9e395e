import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Mixed from "./mixed.ts"
import * as Serf from "./serf.ts"

const missing = Serf.isMissing ? " (serf is not installed)" : ""

it.live.skipIf(Serf.isMissing)(
  `fifteen members and fifteen agents of Serf know of each other, and who of both kinds is killed or leaves${missing}`,
  () =>
    Effect.gen(function*() {
      const { killed, left } = yield* Mixed.run(15)
      yield* Effect.logInfo("Milliseconds until all knew", { killed, left })
      // As found out by being asked, and as told by themselves.
      for (const { agents, ours } of [killed, left]) assert.isBelow(Math.max(agents, ours), 30_000)
    }),
  150_000
)
