/**
 * Two halves that were cut apart, until they are one cluster again.
 */
import { isGone } from "../../src/internal/gossip/core/members.ts"
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as World from "../../test/gossip/world.ts"
import { median, type Row } from "./figures.ts"

export interface Outcome {
  /** Milliseconds until each half had given up the other one. */
  readonly apart: number
  /** Milliseconds from the end of the cut until everybody knew everybody. */
  readonly whole: number
}

export const run = (members: number, seconds: number, seed: number): Outcome => {
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
  const end = world.now() + 1000 * seconds
  const isApart = () =>
    world.inhabitants.every(({ swim }) =>
      swim.members().every((member) => isGone(member) || member.port % 2 === swim.self.port % 2)
    )
  const apart = world.run(1000 * seconds, isApart)
  world.run(end - world.now())
  world.partition = undefined
  const isWhole = () =>
    world.inhabitants.every(({ swim }) =>
      swim.members().length === members && swim.members().every(({ state }) => state === "alive")
    )
  let next = 0
  const whole = world.run(300_000, () => {
    if (world.now() < next) return false
    next = world.now() + 50
    return isWhole()
  })
  return { apart, whole }
}

export const row = (members: number, seconds: number, seeds: ReadonlyArray<number>): Row => {
  const outcomes = seeds.map((seed) => run(members, seconds, seed))
  const of = (figure: (outcome: Outcome) => number) => {
    const times = outcomes.map(figure)
    return `${median(times).toFixed(0)} ms, ${Math.max(...times).toFixed(0)} at worst`
  }
  return {
    what: `halves cut apart for ${seconds} s give each other up, and are one again`,
    members,
    measured: `${of(({ apart }) => apart)}; ${of(({ whole }) => whole)}`,
    goal: "45000 ms after the cut",
    isMet: outcomes.every(({ whole }) => whole <= 45_000)
  }
}
