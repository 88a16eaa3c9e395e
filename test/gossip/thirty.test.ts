import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { instance } from "../suites/registry.ts"
import * as Crowds from "./crowds.ts"
import { until } from "./members.ts"

const half = (times: ReadonlyArray<number>): number => Math.round(times[times.length >> 1]!)
const last = (times: ReadonlyArray<number>): number => Math.round(times.at(-1)!)

it.live(
  "thirty members know within seconds what one of them registers, and that another was killed with all it ran",
  () =>
    Effect.gen(function*() {
      const start = { preset: "lan", count: 14, join: [] } as const
      const first = yield* Crowds.open({ ...start, count: 1 })
      const join = first.addresses
      const rest = yield* Effect.all([Crowds.open({ ...start, join }), Crowds.open({ ...start, join })], {
        concurrency: 2
      })
      const victim = yield* Crowds.open({ ...start, count: 1, join })
      const all = [first, ...rest, victim]
      const everywhere = (count: number) => (): boolean =>
        Crowds.times(all, 0, (told) => told._tag === "Counted" && told.count === 30).length === count
      // Whom gossip has missed while all of them came is found when two compare what they know, each half minute.
      yield* until(everywhere(30), "thirty members that know each other", 60_000)

      // The first one comes while all tell each other of all; the second one is measured.
      let listed: ReadonlyArray<number> = []
      for (const id of ["one", "two"]) {
        const registered = Crowds.clock()
        victim.register(instance(id))
        const isListed = (told: Crowds.Told) => told._tag === "Listed" && told.ids.includes(id)
        yield* until(() => (listed = Crowds.times(all, registered, isListed)).length === 30, "a service that all list")
      }
      yield* Effect.logInfo(
        `A service was known to half of 30 after ${half(listed)} ms, to all after ${last(listed)} ms`
      )

      const killed = Crowds.clock()
      victim.kill()
      const others = [first, ...rest]
      const gone = () => Crowds.times(others, killed, (told) => told._tag === "Listed" && told.ids.length === 0)
      const dead = () => Crowds.times(others, killed, (told) => told._tag === "Counted" && told.count === 29)
      yield* until(
        () => gone().length === 29 && dead().length === 29,
        "a member that is gone everywhere, and a service with it"
      )
      yield* Effect.logInfo(`It was known to all that one was killed after ${last(gone())} ms`)
    }),
  150_000
)
