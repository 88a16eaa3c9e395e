/**
 * Some members of a cluster in a process of their own, which tells when each of them knows what.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { isGone } from "../../src/internal/gossip/core/members.ts"
import { Instance } from "../../src/Registry.ts"
import { clock, type Start, type Told } from "./crowds.ts"
import { addressOf, member } from "./members.ts"

const tell = (told: Told) => void process.send?.(told)
const { count, keys = [], ...options } = JSON.parse(process.argv[2] ?? "") as Start
const program = Effect.gen(function*() {
  const fleets = yield* Effect.forEach(
    Array.from({ length: count }),
    () => member({ ...options, keys: keys.map((key) => Redacted.make(key)) }),
    { concurrency: count }
  )
  tell({ _tag: "Started", addresses: fleets.map(addressOf) })
  for (const [member, fleet] of fleets.entries()) {
    yield* Effect.forkScoped(
      Stream.runForEach(
        fleet.registry.watch("orders"),
        (list) => Effect.sync(() => tell({ _tag: "Listed", at: clock(), member, ids: list.map(({ id }) => id) }))
      )
    )
    let known = 0
    const look = Effect.sync(() => {
      const count = fleet.node.swim.members().filter((other) => !isGone(other)).length
      if (count !== known) tell({ _tag: "Counted", at: clock(), member, count })
      known = count
    })
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(look, Effect.sleep(20))))
  }
  const [first] = fleets
  process.on("message", (message) => {
    const instance = Schema.decodeUnknownSync(Instance)(message)
    Effect.runFork(Effect.scoped(Effect.andThen(first!.registry.register(instance), Effect.never)))
  })
  return yield* Effect.never
})
const running = Effect.runFork(Effect.scoped(program))
process.once("SIGTERM", () => running.interruptUnsafe())
running.addObserver(() => process.disconnect?.())
