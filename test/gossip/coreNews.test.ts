import { assert, describe, it } from "@effect/vitest"
import type * as Lone from "./lone.ts"
import { acks, alive, dead, suspect, told, withOthers } from "./lone.ts"

describe("gossip", () => {
  it("tells each piece of news in as many packets as the cluster is large, and then no more", () => {
    for (const [others, packets] of [[5, 8], [40, 8], [120, 12]] as const) {
      const lone = withOthers(others)
      const since = lone.now()
      lone.heard(alive("m2", 2, { incarnation: 2 }))
      lone.run(10_000, acks)
      assert.lengthOf(told(lone, since, "Alive", "m2"), packets)
    }
  })

  it("tells only the newest of what is known about a member", () => {
    const lone = withOthers(10)
    const since = lone.now()
    lone.heard(suspect("m2", "m3"), alive("m2", 2, { incarnation: 2 }))
    lone.run(10_000, acks)
    assert.isEmpty(told(lone, since, "Suspect", "m2"))
    assert.isNotEmpty(told(lone, since, "Alive", "m2"))
  })

  it("tells three at a time, the dead for a while, and never those that left", () => {
    const lone = withOthers(3)
    const news = (incarnation: number): ReadonlyArray<Lone.Sent> => {
      const since = lone.now()
      lone.heard(alive("m4", 4, { incarnation }))
      lone.run(4000, acks)
      return told(lone, since, "Alive", "m4")
    }
    lone.heard(dead("m2", "m3"), dead("m3", "m3"))
    lone.run(4000, acks)
    assert.include(news(2).map(({ to }) => to), 2)
    assert.notInclude(news(3).map(({ to }) => to), 3)
    lone.run(30_000, acks)
    assert.notInclude(news(4).map(({ to }) => to), 2)
  })

  it("tells what is urgent at once, as often as any other news, and eight times as often as its rounds at most", () => {
    const lone = withOthers(10)
    const news = ({ messages }: Lone.Sent) => messages.some(({ _tag }) => _tag === "User")
    lone.sent.length = 0
    lone.swim.carry(Uint8Array.of(1))
    lone.swim.hurry()
    assert.lengthOf(lone.sent.filter(news), 3)
    lone.run(10_000, acks)
    assert.lengthOf(lone.sent.filter(news), 8)

    lone.sent.length = 0
    for (let millis = 0; millis < 200; millis++) {
      lone.swim.carry(Uint8Array.of(2, millis))
      lone.swim.hurry()
      lone.run(1, acks)
    }
    const rounds = new Set(lone.sent.filter(news).map(({ at }) => at)).size
    assert.isAtLeast(rounds, 7)
    assert.isAtMost(rounds, 10)
  })

  it("fills packets to the brim, and no further", () => {
    const lone = withOthers(3)
    for (let port = 100; port < 400; port++) lone.heard(alive(`n${port}`, port, { meta: new Uint8Array(port) }))
    lone.sent.length = 0
    lone.run(20_000, acks)
    const longest = Math.max(...lone.sent.map(({ bytes }) => bytes))
    assert.isAtMost(longest, 1400)
    assert.isAbove(longest, 1300)
  })
})

describe("a member that leaves", () => {
  it("defends itself no more, says nothing new of itself, and still answers", () => {
    const lone = withOthers(3)
    lone.swim.leave()
    const { incarnation } = lone.swim.self
    lone.heard(suspect("me", "m2", 5), dead("me", "m2", 5), alive("me", 1, { incarnation: 9 }))
    lone.swim.update(Uint8Array.of(1))
    lone.run(40_000, acks)
    assert.strictEqual(lone.swim.self.incarnation, incarnation)
    assert.strictEqual(lone.swim.get("me")?.state, "left")
    lone.sent.length = 0
    lone.swim.carry(Uint8Array.of(1))
    lone.swim.hurry()
    assert.isEmpty(lone.sent)
    lone.heard({ _tag: "Ping", sequence: 5, node: "me" })
    assert.strictEqual(lone.sent[0]?.messages[0]?._tag, "Ack")
  })
})
