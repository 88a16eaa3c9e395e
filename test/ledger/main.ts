/**
 * The full ledgers: `npm run ledger [-- jetstream|redis [events]]`. 1,000,000 events, a subscriber killed ten times, and the
 * broker twice.
 */
import * as Effect from "effect/Effect"
import type { Kind } from "./broker.ts"
import { run } from "./run.ts"

const [only, events = "1000000"] = process.argv.slice(2)
const kinds: ReadonlyArray<Kind> = only === undefined ? ["jetstream", "redis"] : [only as Kind]
for (const kind of kinds) {
  const start = performance.now()
  const plan = { kind, events: Number(events), subscribers: 10, brokers: 2 }
  const { duplicates, lost, repeated } = await Effect.runPromise(Effect.scoped(run(plan)))
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(
    `${kind}: ${events} events, ${lost} lost, ${duplicates} twice, ${repeated} publishings repeated, ${seconds} s\n`
  )
  if (lost > 0) process.exitCode = 1
}
