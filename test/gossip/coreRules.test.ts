import { assert, describe, it } from "@effect/vitest"
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as Steps from "../../src/internal/gossip/wire/steps.ts"
import * as Lone from "./lone.ts"
import { acks, alive, dead, stateOf, suspect, tags, told, withOthers } from "./lone.ts"

describe("news of who is alive", () => {
  it("is none unless the incarnation is newer", () => {
    const lone = withOthers(3)
    const facts = Uint8Array.of(1)
    lone.heard(alive("m2", 2, { meta: facts }))
    assert.strictEqual(lone.swim.get("m2")?.meta.length, 0)
    lone.heard(alive("m2", 2, { meta: facts, incarnation: 2 }))
    assert.deepStrictEqual(lone.swim.get("m2")?.meta, facts)
  })

  it("is a conflict where the name is used at another address, and changes nothing", () => {
    const lone = withOthers(3)
    lone.heard(alive("m2", 77, { incarnation: 9 }))
    assert.strictEqual(tags(lone).at(-1), "Conflict")
    assert.strictEqual(lone.swim.get("m2")?.port, 2)
    assert.strictEqual(lone.swim.get("m2")?.incarnation, 1)
  })

  it("is a conflict and no accusation where another process has one's own name", () => {
    const lone = withOthers(3)
    const { incarnation } = lone.swim.self
    lone.heard(alive("me", 77, { incarnation: 9 }))
    assert.strictEqual(tags(lone).at(-1), "Conflict")
    assert.strictEqual(lone.swim.self.incarnation, incarnation)
  })

  it("takes the name of one that left to another address, even by an older incarnation", () => {
    const lone = withOthers(3)
    lone.heard(dead("m2", "m2", 5), alive("m2", 77))
    assert.strictEqual(stateOf(lone, "m2"), "alive")
    assert.strictEqual(lone.swim.get("m2")?.port, 77)
    assert.strictEqual(lone.swim.get("m2")?.incarnation, 1)
  })

  it("takes the name of one that died to another address only after the time that is set", () => {
    for (const [deadNodeReclaim, state] of [[Infinity, "dead"], [5000, "alive"]] as const) {
      const lone = withOthers(3, { deadNodeReclaim })
      lone.heard(dead("m2", "m3"), alive("m2", 77))
      assert.strictEqual(stateOf(lone, "m2"), "dead")
      lone.run(6000, acks)
      lone.heard(alive("m2", 77))
      assert.strictEqual(stateOf(lone, "m2"), state)
    }
  })

  it("is not taken in of members that this one could not talk to, whose entry would spoil every comparison", () => {
    const lone = withOthers(3)
    const { delegate, protocol } = Lone.versions
    const serf = { protocol, delegate: { min: 2, max: 5, current: 5 } }
    const first = { protocol: { min: 1, max: 1, current: 1 }, delegate }
    const none = { protocol: { min: 0, max: 0, current: 0 }, delegate }
    for (const versions of [serf, first, none]) {
      lone.heard(alive("other", 50, { versions }))
      assert.strictEqual(tags(lone).at(-1), "Incompatible")
      assert.isUndefined(stateOf(lone, "other"))
    }
  })

  it("is not taken in of more members than the most, and those who are there stay", () => {
    const lone = withOthers(3, { maxMembers: 100 })
    for (let made = 0; made < 10_000; made++) lone.heard(alive(`made-up-${made}`, 1000 + made))
    assert.strictEqual(lone.swim.members().length, 100)
    assert.strictEqual(lone.changes.filter(([, { _tag }]) => _tag === "Full").length, 9904)
    assert.strictEqual(stateOf(lone, "m2"), "alive")
  })

  it("is not taken in of names that fit into no packet", () => {
    const lone = withOthers(3)
    lone.heard(alive("ä".repeat(128), 50), suspect("m2", "x".repeat(256)))
    assert.strictEqual(lone.swim.members().length, 4)
    assert.strictEqual(stateOf(lone, "m2"), "alive")
  })
})

describe("an accusation", () => {
  it("of somebody unknown, or of an earlier incarnation, is none", () => {
    const lone = withOthers(3)
    lone.heard(alive("m2", 2, { incarnation: 4 }))
    for (const accuse of [suspect, dead]) lone.heard(accuse("nobody", "m3"), accuse("m2", "m3", 3))
    assert.isUndefined(lone.swim.get("nobody"))
    assert.strictEqual(stateOf(lone, "m2"), "alive")
  })

  it("of oneself is refuted by an incarnation above it, and makes one feel unwell", () => {
    for (const accuse of [suspect, dead]) {
      const lone = withOthers(3)
      const since = lone.now()
      lone.heard(accuse("me", "m2", 6))
      assert.strictEqual(lone.swim.self.incarnation, 7)
      assert.strictEqual(lone.swim.self.state, "alive")
      lone.run(1000, acks)
      assert.isNotEmpty(told(lone, since, "Alive", "me"))
    }
  })

  it("that nobody could answer by a larger incarnation is not heard", () => {
    const lone = withOthers(3)
    for (const accuse of [suspect, dead]) lone.heard(accuse("me", "m3", 0xFFFF_FFFF), accuse("m2", "m3", 0xFFFF_FFFF))
    assert.strictEqual(lone.swim.self.incarnation, 1)
    assert.strictEqual(stateOf(lone, "m2"), "alive")
    lone.heard(suspect("me", "m3", 0xFFFF_FFFE))
    assert.strictEqual(lone.swim.self.incarnation, 0xFFFF_FFFF)
    lone.swim.update(Uint8Array.of(1))
    lone.run(1000, acks)
    assert.strictEqual(lone.swim.self.incarnation, 0xFFFF_FFFF)
  })

  it("of one's earlier life is refuted, too, as other facts about oneself are; an echo is not", () => {
    const lone = withOthers(3)
    lone.heard(alive("me", 1))
    assert.strictEqual(lone.swim.self.incarnation, 1)
    lone.heard(alive("me", 1, { meta: Uint8Array.of(1) }))
    assert.strictEqual(lone.swim.self.incarnation, 2)
    const { delegate } = Lone.versions
    lone.heard(alive("me", 1, { incarnation: 2, versions: { protocol: { min: 1, max: 5, current: 4 }, delegate } }))
    assert.strictEqual(lone.swim.self.incarnation, 3)
    lone.heard(alive("me", 1, { incarnation: 9 }))
    assert.strictEqual(lone.swim.self.incarnation, 10)
  })

  it("gives a suspect six times as long while nobody agrees, and the least once two others do", () => {
    const least = Settings.suspicion(Settings.lan, 11)
    const after = (...confirmers: ReadonlyArray<string>): number => {
      const lone = withOthers(10)
      const since = lone.now()
      lone.heard(suspect("m2", "m3"), ...confirmers.map((from) => suspect("m2", from)))
      // An answer clears nobody: who is suspected has to say so itself.
      lone.run(60_000, acks)
      return lone.changes.find(([, { _tag }]) => _tag === "Failed")![0] - since
    }
    assert.closeTo(after(), 6 * least, 2)
    assert.closeTo(after("m3", "m3"), 6 * least, 2, "the accuser does not confirm itself")
    assert.closeTo(after("m4", "m5"), least, 2)
    const half = Math.log(2) / Math.log(3)
    assert.closeTo(after("m4"), 6 * least - half * 5 * least, 2)
  })

  it("is passed on with each of the first who agree, and not with those beyond", () => {
    const lone = withOthers(10)
    const from = (since: number) =>
      new Set(
        lone.sent.filter(({ at }) => at >= since).flatMap(({ messages }) =>
          messages.flatMap((message) => message._tag === "Suspect" ? [message.from] : [])
        )
      )
    for (const [name, isPassed] of [["m3", true], ["m4", true], ["m5", true], ["m6", false]] as const) {
      const since = lone.now()
      lone.heard(suspect("m2", name))
      lone.run(400, acks)
      assert.strictEqual(from(since).has(name), isPassed, name)
    }
  })

  it("is over when the member says that it is there, and it is not called dead later", () => {
    const lone = withOthers(10)
    lone.heard(suspect("m2", "m3"), suspect("m2", "m4"), suspect("m2", "m5"), alive("m2", 2, { incarnation: 2 }))
    lone.run(60_000, acks)
    assert.isNotEmpty(lone.changes.filter(([, { _tag }]) => _tag === "Cleared"))
    assert.isEmpty(lone.changes.filter(([, { _tag }]) => _tag === "Failed"))
  })
})

describe("what another member knows", () => {
  const node = (name: string, port: number, state: "alive" | "suspect" | "dead" | "left", incarnation = 1) => {
    const { _tag, ...rest } = alive(name, port, { incarnation })
    return { ...rest, state }
  }
  const merge = (lone: Lone.Lone, ...nodes: ReadonlyArray<ReturnType<typeof node>>) =>
    Steps.run(lone.swim.merge({ _tag: "PushPull", isJoin: false, nodes, userState: new Uint8Array(0) }))

  it("makes suspects of its suspects and its dead, and lets go who left", () => {
    const lone = withOthers(4)
    assert.isUndefined(
      merge(lone, node("m2", 2, "suspect"), node("m3", 3, "dead"), node("m4", 4, "left"), node("n", 50, "alive"))
    )
    assert.deepStrictEqual(["m2", "m3", "m4", "n"].map((name) => stateOf(lone, name)), [
      "suspect",
      "suspect",
      "left",
      "alive"
    ])
  })

  it("tells of no member that is gone already", () => {
    const lone = withOthers(3)
    merge(lone, node("x", 50, "dead"), node("y", 51, "left"), node("z", 52, "suspect"))
    assert.lengthOf(lone.swim.members(), 4)
  })

  it("lets a restarted process rise above its earlier life", () => {
    const lone = withOthers(3)
    merge(lone, node("me", 1, "dead", 6))
    assert.strictEqual(lone.swim.self.incarnation, 7)
  })

  it("is taken in as a whole, or not at all", () => {
    const lone = withOthers(3)
    const stranger = {
      ...node("serf", 60, "alive"),
      versions: { ...Lone.versions, delegate: { min: 2, max: 5, current: 5 } }
    }
    assert.match(String(merge(lone, node("n", 50, "alive"), stranger)), /delegate/)
    assert.isUndefined(lone.swim.get("n"))
  })
})

describe("the dead", () => {
  it("are forgotten after a while, and may come again", () => {
    const lone = withOthers(3)
    lone.heard(dead("m2", "m3"), dead("m3", "m3"))
    lone.run(25_000, acks)
    assert.strictEqual(stateOf(lone, "m2"), "dead")
    lone.run(10_000, acks)
    assert.isUndefined(lone.swim.get("m2"))
    assert.isUndefined(lone.swim.get("m3"))
    assert.strictEqual(stateOf(lone, "me"), "alive")
    lone.heard(alive("m2", 77))
    assert.strictEqual(stateOf(lone, "m2"), "alive")
  })
})
