import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Network from "../servers/network.ts"
import { instance } from "../suites/registry.ts"
import * as Crowds from "./crowds.ts"
import { until } from "./members.ts"

// Nothing that could be installed is missing: it is skipped wherever the kernel says no.
const missing = Network.isMissing ? " (the kernel gives nobody a network of their own)" : ""

it.live.skipIf(Network.isMissing)(
  `two halves whose cable is cut lose each other's services, and have them again when it is mended${missing}`,
  () =>
    Effect.gen(function*() {
      const here = yield* Network.open
      const { cut, mend, network: there } = yield* Network.beside(here, "10.77.0.1", "10.77.0.2")
      const start = { preset: "local", count: 2, host: "10.77.0.1" } as const
      const first = yield* Crowds.open({ ...start, count: 1, join: [] }, here)
      const join = first.addresses
      const second = yield* Crowds.open({ ...start, join }, here)
      const other = yield* Crowds.open({ ...start, count: 3, host: "10.77.0.2", join }, there)
      first.register(instance("one"))
      other.register(instance("two"))

      /** When each of them heard of a list, after a time. */
      const heard = (crowds: ReadonlyArray<Crowds.Crowd>, since: number, ids: string) =>
        Crowds.times(crowds, since, (told) => told._tag === "Listed" && told.ids.join() === ids)
      const whole = (since: number) => heard([first, second, other], since, "one,two")
      yield* until(() => whole(0).length === 6, "services of both halves")

      const broken = Crowds.clock()
      yield* cut
      const halves = () => [heard([first, second], broken, "one"), heard([other], broken, "two")]
      yield* until(() => halves().every(({ length }) => length === 3), "halves with their own services", 60_000)

      const mended = Crowds.clock()
      yield* mend
      yield* until(() => whole(mended).length === 6, "services of both halves again", 60_000)
      yield* Effect.logInfo("Milliseconds until all had lost and found the others", {
        lost: Math.max(...halves().flat()),
        found: whole(mended).at(-1)
      })
    }),
  150_000
)
