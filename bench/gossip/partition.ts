/**
 * Two halves that were cut apart, until they are one cluster again.
 */
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as World from "../../test/gossip/world.ts"
import { quantile, type Row } from "./figures.ts"

/** Milliseconds from the end of the cut until everybody knows everybody. */
export const run = (members: number, seconds: number, seed: number): number => {
  const world = World.settled({ seed, settings: Settings.lan }, members)
  const lots = World.luck(seed + 1)
  world.partition = ({ swim }) => swim.self.port % 2
  for (const one of world.inhabitants) {
    // The rules of the core forget the dead. Who lives above them remembers, and asks one of the lost now and then.
    const ask = (): void => {
      const lost = world.inhabitants.filter((other) => one.swim.get(other.swim.self.node)?.state !== "alive")
      const other = lost[Math.floor(lots() * lost.length)]
      if (other !== undefined) world.exchange(one, other)
      world.in(Settings.lan.pushPullInterval * (0.5 + lots() / 2), ask)
    }
    world.in(Settings.lan.pushPullInterval * lots(), ask)
  }
  world.run(1000 * seconds)
  world.partition = undefined
  const isWhole = () =>
    world.inhabitants.every(({ swim }) =>
      swim.members().length === members && swim.members().every(({ state }) => state === "alive")
    )
  let next = 0
  return world.run(300_000, () => {
    if (world.now() < next) return false
    next = world.now() + 50
    return isWhole()
  })
}

export const row = (members: number, seconds: number, seeds: ReadonlyArray<number>): Row => {
  const times = seeds.map((seed) => run(members, seconds, seed))
  return {
    what: `halves cut apart for ${seconds} s are one again`,
    members,
    measured: `${quantile(times, 0.5).toFixed(0)} ms, ${Math.max(...times).toFixed(0)} at worst`,
    goal: "45000 ms",
    isMet: Math.max(...times) <= 45_000
  }
}
