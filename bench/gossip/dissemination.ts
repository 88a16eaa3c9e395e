/**
 * How long it takes until something is known to all, and how many packets that costs: a change of one member, or a record,
 * which each passes on at once.
 */
import { Buffer } from "node:buffer"
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as World from "../../test/gossip/world.ts"
import { median, quantile, type Row } from "./figures.ts"

export interface Outcome {
  /** Milliseconds until half of all members, 99 % and all of them knew. */
  readonly half: number
  readonly most: number
  readonly all: number
  /** Packets with the news that a member sent. */
  readonly packets: number
  /** Whether gossip alone reached everybody, or a comparison of two members had to. */
  readonly isByGossip: boolean
}

export type Kind = "change" | "record"

export const run = (kind: Kind, members: number, loss: number, seed: number): Outcome => {
  const settings = Settings.lan
  const mark = Buffer.from("the change")
  const times: Array<number> = []
  const informed = new Set<World.Inhabitant>()
  const tell = (by: World.Inhabitant): void => {
    informed.add(by)
    by.swim.carry(mark)
  }
  let packets = 0
  const world = World.make({
    seed,
    settings,
    loss,
    changed: (_, change) => {
      if (change._tag === "Updated") times.push(world.now() - start)
    },
    heard: (by) => {
      if (informed.has(by)) return
      times.push(world.now() - start)
      tell(by)
    },
    sent: (_, messages) => {
      if (messages.some((message) => Buffer.from(message.buffer, message.byteOffset, message.length).includes(mark))) {
        packets++
      }
    }
  }, members)
  // Everybody has said that it is there before the clock runs.
  world.run(4000)
  const start = world.now()
  const first = world.inhabitants[0]!
  if (kind === "change") first.swim.update(mark)
  else {
    tell(first)
    first.swim.hurry()
  }
  world.run(10_000, () => times.length === members - 1)
  const isByGossip = times.length === members - 1
  // Gossip is a matter of luck; what it has missed is found by the next comparison.
  world.run(2 * Settings.pushPull(settings, members), () => times.length === members - 1)
  const all = times.length === members - 1 ? times.at(-1)! : Infinity
  // What everybody knows is told on until it was told often enough.
  world.run(5000)
  return { half: quantile(times, 0.5), most: quantile(times, 0.99), all, packets: packets / members, isByGossip }
}

export const row = (
  kind: Kind,
  members: number,
  loss: number,
  goal: number,
  seeds: ReadonlyArray<number>
): Row => {
  const outcomes = seeds.map((seed) => run(kind, members, loss, seed))
  const of = (figure: (outcome: Outcome) => number) => median(outcomes.map(figure)).toFixed(0)
  const all = median(outcomes.map(({ all }) => all))
  const packets = Math.max(...outcomes.map(({ packets }) => packets))
  const limit = Settings.retransmits(Settings.lan, members)
  const byGossip = outcomes.filter(({ isByGossip }) => isByGossip).length
  return {
    what: `a ${kind} is known, ${100 * loss} % loss`,
    members,
    measured: `${of(({ half }) => half)} / ${of(({ most }) => most)} / ${
      of(({ all }) => all)
    } ms to 50 % / 99 % / all, ${packets.toFixed(1)} packets a member, ${byGossip} of ${seeds.length} by gossip alone`,
    goal: `all in ${goal} ms, ${limit} packets`,
    isMet: all <= goal && packets <= limit && outcomes.every(({ all }) => all < Infinity)
  }
}
