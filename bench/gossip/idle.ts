/**
 * What a cluster costs in which nothing happens.
 */
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as World from "../../test/gossip/world.ts"
import type { Row } from "./figures.ts"

/** Packets of each member, each second. */
export const run = (members: number, seconds: number, seed: number): number => {
  let packets = 0
  const world = World.make({ seed, settings: Settings.lan, sent: () => packets++ }, members)
  world.run(5000)
  packets = 0
  world.run(1000 * seconds)
  return packets / members / seconds
}

export const row = (members: number, seconds: number, seed: number): Row => {
  const packets = run(members, seconds, seed)
  return {
    what: "packets while nothing happens",
    members,
    measured: `${packets.toFixed(2)} a second and member`,
    goal: "2.1",
    isMet: packets <= 2.1
  }
}
