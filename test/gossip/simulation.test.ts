import { assert, describe, it } from "@effect/vitest"
import * as Detection from "../../bench/gossip/detection.ts"
import * as Dissemination from "../../bench/gossip/dissemination.ts"
import * as Idle from "../../bench/gossip/idle.ts"
import * as Lifeguard from "../../bench/gossip/lifeguard.ts"
import * as Partition from "../../bench/gossip/partition.ts"
import * as Settings from "../../src/internal/gossip/core/settings.ts"

const seeds = [1, 2, 3, 4, 5]

describe("a hundred members", () => {
  for (const [loss, goal] of [[0, 750], [0.25, 1000]] as const) {
    it(`know a change within ${goal} ms in most cases, ${100 * loss} % of the packets lost, and each tells it 12 times`, () => {
      const outcomes = seeds.map((seed) => Dissemination.run("change", 100, loss, seed))
      const times = outcomes.map(({ all }) => all).toSorted((one, other) => one - other)
      assert.isBelow(times[2]!, goal)
      assert.isBelow(times[4]!, Infinity)
      for (const { packets } of outcomes) assert.closeTo(packets, 12, 0.2)
    })
  }

  it("know a record of one of them in half of that time, though a quarter of the packets is lost", () => {
    const outcomes = seeds.map((seed) => Dissemination.run("record", 100, 0.25, seed))
    const times = outcomes.map(({ all }) => all).toSorted((one, other) => one - other)
    assert.isBelow(times[2]!, 500)
    assert.isBelow(times[4]!, Infinity)
    for (const { packets } of outcomes) assert.closeTo(packets, 12, 0.2)
  })

  it("know of a crash everywhere, soon after one has been asked, and had the time to defend itself", () => {
    const least = Settings.suspicion(Settings.lan, 100)
    const runs = seeds.map((seed) => Detection.run(100, seed, Settings.lan))
    for (const times of runs) assert.isAbove(times[0]!, least)
    const last = runs.map((times) => times.at(-1)!).toSorted((one, other) => one - other)
    assert.isBelow(last[2]!, least + 3500)
    // Who is asked by nobody for a second or two, by chance, is found as much later.
    assert.isBelow(last[4]!, least + 7000)
  })

  it("send two packets a second each while nothing happens", () => {
    assert.closeTo(Idle.run(100, 10, 1), 2, 0.02)
  })
})

describe("seven members", () => {
  it("hear of each change by gossip alone, though a quarter of the packets is lost", () => {
    const outcomes = Array.from({ length: 60 }, (_, seed) => Dissemination.run("change", 7, 0.25, seed + 1))
    assert.lengthOf(outcomes.filter(({ isByGossip }) => !isByGossip), 0)
  })
})

describe("Lifeguard", () => {
  it("keeps members that are blocked from calling healthy ones dead", () => {
    const cell = { members: 32, blocked: 8, spell: 8000, seconds: 60, seed: 1 }
    const before = Lifeguard.run({ ...cell, settings: Lifeguard.without })
    assert.isAbove(before, 100)
    assert.isAtMost(20 * Lifeguard.run({ ...cell, settings: Settings.lan }), before)
  })
})

describe("two halves that were cut apart", () => {
  it("give each other up, and are one again when members ask those that they have lost", () => {
    for (const seed of seeds) {
      const { apart, whole } = Partition.run(30, 60, seed)
      assert.isBelow(apart, 30_000)
      assert.isBelow(whole, 45_000)
    }
  })
})

describe("a simulation", () => {
  it("runs again as it ran, for the same seed", () => {
    assert.deepStrictEqual(Dissemination.run("change", 100, 0.25, 8), Dissemination.run("change", 100, 0.25, 8))
    assert.notDeepEqual(Dissemination.run("change", 100, 0.25, 8), Dissemination.run("change", 100, 0.25, 9))
  })
})
