/**
 * How long it takes until it is known everywhere that a member has died.
 */
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as World from "../../test/gossip/world.ts"
import { median, quantile, type Row } from "./figures.ts"

/** Milliseconds until each of the others knew. */
export const run = (members: number, seed: number, settings: Settings.Settings): ReadonlyArray<number> => {
  const times: Array<number> = []
  const world = World.make({
    seed,
    settings,
    changed: (_, change) => {
      if (change._tag === "Failed" && change.member.node === victim.swim.self.node) times.push(world.now() - start)
    }
  }, members)
  const victim = world.inhabitants[0]!
  world.run(4000)
  const start = world.now()
  victim.isDead = true
  world.run(120_000, () => times.length === members - 1)
  while (times.length < members - 1) times.push(Infinity)
  return times
}

export const row = (members: number, seeds: ReadonlyArray<number>): Row => {
  const runs = seeds.map((seed) => run(members, seed, Settings.lan))
  const known = runs.map((times) => quantile(times, 0.99))
  const least = Settings.suspicion(Settings.lan, members)
  // In each second a third of all crashed members happen to be asked by nobody, so some runs begin late.
  const worst = Math.max(...known)
  return {
    what: "a crash is known",
    members,
    measured: `${median(runs.map(([first]) => first!)).toFixed(0)} ms to the first, ${
      median(runs.flat()).toFixed(0)
    } to half, ${median(known).toFixed(0)} to 99 %, ${worst.toFixed(0)} in the worst run`,
    goal: `99 % in ${(least + 3500).toFixed(0)} ms`,
    isMet: median(known) <= least + 3500
  }
}
