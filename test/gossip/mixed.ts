/** A cluster of real members, one half of them ours and the other one agents of Serf, in which some go. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Crowds from "./crowds.ts"
import { until } from "./members.ts"
import * as Serf from "./serf.ts"

/** Milliseconds until the last of ours knew, and the last agent. */
export interface Known {
  readonly ours: number
  readonly agents: number
}

export interface Times {
  /** That one of each kind was killed. */
  readonly killed: Known
  /** That one of each kind took its leave. */
  readonly left: Known
}

/** So many of each kind; three at least. */
export const run = (each: number): Effect.Effect<Times, never, Scope.Scope> =>
  Effect.gen(function*() {
    const first = yield* Serf.agent()
    const others = yield* Effect.all(
      Array.from({ length: each - 1 }, () => Serf.agent({ join: first.address })),
      { concurrency: 4 }
    )
    const start = { preset: "lan", serf: true, count: 1, join: [first.address] } as const
    const rest = yield* Crowds.open({ ...start, count: each - 2 })
    const [killed, left] = [
      { ours: yield* Crowds.open({ ...start, node: "killed" }), agent: others[0]! },
      { ours: yield* Crowds.open({ ...start, node: "left" }), agent: others[1]! }
    ]
    const all = { crowds: [rest, left.ours, killed.ours], agents: [first, ...others] }
    const hasCome = ({ seen }: Serf.Agent) => new Set(seen.map(({ member }) => member)).size === 2 * each
    yield* until(
      () => counted(all.crowds, 0, 2 * each).length === each && all.agents.every(hasCome),
      `${each} of each kind that know each other`,
      60_000
    )

    const afterKill = { crowds: [rest, left.ours], agents: all.agents.filter((agent) => agent !== killed.agent) }
    const dying = Crowds.clock()
    killed.ours.kill()
    yield* killed.agent.kill
    const failed = (name: string) => ({ name, as: ["Failed"] })
    const dead = yield* known(afterKill, dying, [failed("killed"), failed(killed.agent.name)], 2 * each - 2)

    const afterLeave = { crowds: [rest], agents: afterKill.agents.filter((agent) => agent !== left.agent) }
    const leaving = Crowds.clock()
    left.ours.leave()
    yield* left.agent.run("leave")
    // Agents tell each other in so few packets that one of a small cluster may miss why another one is gone.
    const goers = [{ name: "left", as: ["Leave"] }, { name: left.agent.name, as: ["Leave", "Failed"] }]
    const gone = yield* known(afterLeave, leaving, goers, 2 * each - 4)
    return { killed: dead, left: gone }
  })

// ---------------------------------------------------------------------------------------------------------------------

interface Members {
  readonly crowds: ReadonlyArray<Crowds.Crowd>
  readonly agents: ReadonlyArray<Serf.Agent>
}

/** When those of ours that know of so many came to that, after a time. */
const counted = (crowds: ReadonlyArray<Crowds.Crowd>, since: number, count: number): ReadonlyArray<number> =>
  Crowds.times(crowds, since, (told) => told._tag === "Counted" && told.count === count)

/** One of those that go, and what agents see of it. */
interface Goer {
  readonly name: string
  readonly as: ReadonlyArray<string>
}

/** Waits until all members know what became of others. */
const known = (
  { agents, crowds }: Members,
  since: number,
  goers: ReadonlyArray<Goer>,
  left: number
): Effect.Effect<Known> => {
  const count = crowds.reduce((sum, { addresses }) => sum + addresses.length, 0)
  const ours = () => counted(crowds, since, left)
  const sights = () =>
    agents.flatMap(({ seen }) =>
      goers.flatMap(({ as, name }) => seen.filter(({ member, what }) => member === name && as.includes(what)))
    )
  return until(
    () => ours().length === count && sights().length === agents.length * goers.length,
    `${goers.map(({ as, name }) => `${as.join(" or ")} of ${name}`).join(", ")}, known to all`,
    60_000
  ).pipe(
    Effect.map(() => ({ ours: ours().at(-1)!, agents: Math.max(...sights().map(({ at }) => at)) - since }))
  )
}
