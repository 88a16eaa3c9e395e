/**
 * What Lifeguard is good for: some members are too busy to send and receive, for a while, again and again. How often are
 * healthy ones called dead for it?
 */
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as World from "../../test/gossip/world.ts"
import * as Detection from "./detection.ts"
import { median, type Row } from "./figures.ts"

/** SWIM as it was before: one's own health counts for nothing, and a suspect has the shortest time whoever accuses it. */
export const without: Settings.Settings = { ...Settings.lan, awarenessMax: 1, suspicionMaxMult: 1 }

/** How often some member called one dead that was never blocked. */
export const run = (
  { blocked, members, seconds, seed, settings, spell }: {
    readonly blocked: number
    readonly members: number
    readonly seconds: number
    readonly seed: number
    readonly settings: Settings.Settings
    /** Milliseconds of a blockade; for a fifth of that, and 100 ms at least, the network is free again. */
    readonly spell: number
  }
): number => {
  let wrong = 0
  const world = World.make({
    seed,
    settings,
    changed: (_, change) => {
      if (change._tag === "Failed" && !slow.has(change.member.node)) wrong++
    }
  }, members)
  const chosen = world.inhabitants.slice(0, blocked)
  const slow = new Set(chosen.map(({ swim }) => swim.self.node))
  world.run(4000)
  for (const one of chosen) {
    const block = (): void => {
      one.blockedUntil = world.now() + spell
      world.in(spell + Math.max(100, spell / 5), block)
    }
    block()
  }
  world.run(1000 * seconds)
  return wrong
}

export interface Grid {
  readonly members: number
  readonly blocked: ReadonlyArray<number>
  readonly spells: ReadonlyArray<number>
  readonly seconds: number
  readonly seeds: ReadonlyArray<number>
}

/** The sum over a grid of how many are blocked, and for how long. */
export const grid = ({ blocked, seeds, spells, ...rest }: Grid, settings: Settings.Settings): number => {
  let wrong = 0
  for (const seed of seeds) {
    for (const some of blocked) {
      for (const spell of spells) wrong += run({ ...rest, settings, blocked: some, spell, seed })
    }
  }
  return wrong
}

export const rows = (options: Grid, seeds: ReadonlyArray<number>): ReadonlyArray<Row> => {
  const { members } = options
  const [before, after] = [grid(options, without), grid(options, Settings.lan)]
  const detected = (settings: Settings.Settings) =>
    median(seeds.flatMap((seed) => Detection.run(members, seed, settings)))
  const [slower, faster] = [detected(Settings.lan), detected(without)]
  return [
    {
      what: "healthy members called dead, without and with Lifeguard",
      members,
      measured: `${before} and ${after}, ${(before / Math.max(1, after)).toFixed(0)} times fewer`,
      goal: "20 times fewer",
      isMet: before > 0 && after * 20 <= before
    },
    {
      what: "a crash is known to half, without and with Lifeguard",
      members,
      measured: `${faster.toFixed(0)} and ${slower.toFixed(0)} ms`,
      goal: "at most 20 % later",
      isMet: slower <= 1.2 * faster
    }
  ]
}
