import { assert, describe, it } from "@effect/vitest"
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import type { Inhabitant, World } from "./world.ts"
import * as Worlds from "./world.ts"

const rules = { seed: 1, settings: Settings.lan }

describe("a cluster", () => {
  it("knows a new member everywhere within a second", () => {
    const world = Worlds.settled(rules, 30)
    const newcomer = world.spawn(world.inhabitants[7])
    const took = world.run(10_000, () => world.inhabitants.every(({ swim }) => swim.get(newcomer.swim.self.node)))
    assert.isBelow(took, 1000)
    assert.strictEqual(newcomer.swim.members().length, 31)
  })

  it("calls nobody dead while everybody runs, a quarter of the packets lost", () => {
    const world = Worlds.settled({ ...rules, loss: 0.25 }, 30)
    world.run(120_000)
    for (const { changes, swim } of world.inhabitants) {
      assert.isEmpty(changes.filter(([, { _tag }]) => _tag === "Failed"), swim.self.node)
    }
  })

  it("knows everywhere that a member was killed, as late as one can be asked and defend oneself", () => {
    const world = Worlds.settled(rules, 30)
    const [victim] = world.inhabitants
    victim!.isDead = true
    const others = world.inhabitants.slice(1)
    const took = world.run(60_000, () => others.every((other) => stateOf(other, victim!) === "dead"))
    assert.isAbove(took, Settings.suspicion(rules.settings, 30))
    assert.isBelow(took, Settings.suspicion(rules.settings, 30) + 3500)
  })

  it("asks one that is doubted out of turn, and only once at a time", () => {
    const world = Worlds.settled(rules, 30)
    const [victim, ...others] = world.inhabitants
    victim!.isDead = true
    const [doubter] = others
    for (let count = 0; count < 10; count++) doubter!.swim.doubt(victim!.swim.self.node)
    const took = world.run(60_000, () => stateOf(doubter!, victim!) === "suspect")
    assert.isAtMost(took, rules.settings.probeInterval + 10)
    assert.lengthOf(named(doubter!.changes, "Suspected"), 1)
    doubter!.swim.doubt(others[1]!.swim.self.node)
    world.run(5000)
    assert.strictEqual(stateOf(doubter!, others[1]!), "alive")
  })

  it("tells one that leaves from one that dies, and does not ask it to defend itself", () => {
    const world = Worlds.settled(rules, 10)
    const [leaver] = world.inhabitants
    leaver!.swim.leave()
    world.run(5000, () => world.inhabitants.every((other) => stateOf(other, leaver!) === "left"))
    for (const other of world.inhabitants) assert.strictEqual(stateOf(other, leaver!), "left")
    world.run(1000)
    leaver!.isDead = true
    world.run(30_000)
    for (const { changes } of world.inhabitants.slice(1)) assert.isEmpty(named(changes, "Failed"))
  })

  it("lets a member refute that it was called dead", () => {
    const world = Worlds.settled(rules, 10)
    const [liar, victim] = world.inhabitants
    const { incarnation, node } = victim!.swim.self
    const before = incarnation
    const from = liar!.swim.self
    for (const other of world.inhabitants) {
      other.swim.receive([{ _tag: "Dead", incarnation: before, node, from: from.node }], from)
    }
    world.run(10_000, () => world.inhabitants.every((other) => stateOf(other, victim!) === "alive"))
    for (const other of world.inhabitants) assert.strictEqual(stateOf(other, victim!), "alive")
    assert.isAbove(victim!.swim.self.incarnation, before)
  })

  it("knows a member's new facts everywhere", () => {
    const world = Worlds.settled(rules, 30)
    const [changed] = world.inhabitants
    changed!.swim.update(Uint8Array.of(1, 2, 3))
    const node = changed!.swim.self.node
    world.run(5000, () => world.inhabitants.every(({ swim }) => swim.get(node)!.meta.length === 3))
    for (const { swim } of world.inhabitants) assert.deepStrictEqual(swim.get(node)!.meta, Uint8Array.of(1, 2, 3))
  })

  it("never takes its own standstill for the silence of others", () => {
    const world = Worlds.settled(rules, 30)
    const [sleeper] = world.inhabitants
    for (let round = 0; round < 20; round++) {
      sleeper!.stoppedUntil = world.now() + 1000
      world.run(3000)
    }
    assert.isEmpty(named(sleeper!.changes, "Failed"))
    for (const { changes } of world.inhabitants) assert.isEmpty(named(changes, "Failed"))
  })

  it("is one again after it was cut in halves, once somebody asks across the cut", () => {
    const world = Worlds.settled(rules, 30)
    world.partition = ({ swim }) => swim.self.port % 2
    world.run(60_000)
    for (const one of world.inhabitants) {
      for (const other of world.inhabitants) {
        if (world.partition(one) !== world.partition(other)) assert.notStrictEqual(stateOf(one, other), "alive")
      }
    }
    world.partition = undefined
    world.spawn(world.inhabitants[0])
    const [, odd] = world.inhabitants
    world.exchange(odd!, world.inhabitants[0]!)
    world.run(45_000, () => isWhole(world))
    assert.isTrue(isWhole(world))
  })

  it("has one history for one seed", () => {
    const history = (seed: number) => {
      const world = Worlds.settled({ ...rules, seed, loss: 0.1 }, 20)
      world.inhabitants[3]!.isDead = true
      world.run(30_000)
      return world.inhabitants.map(({ changes, packets }) => [
        packets,
        changes.map(([at, change]) => [at, change._tag, "member" in change ? change.member.node : change.node])
      ])
    }
    assert.deepStrictEqual(history(5), history(5))
    assert.notDeepEqual(history(5), history(6))
  })
})

// ---------------------------------------------------------------------------------------------------------------------

const stateOf = ({ swim }: Inhabitant, other: Inhabitant) => swim.get(other.swim.self.node)?.state

const named = (changes: Inhabitant["changes"], tag: string) => changes.filter(([, { _tag }]) => _tag === tag)

const isWhole = ({ inhabitants }: World): boolean =>
  inhabitants.every((one) => inhabitants.every((other) => stateOf(one, other) === "alive"))
