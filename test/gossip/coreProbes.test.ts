import { assert, describe, it } from "@effect/vitest"
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import type { Message } from "../../src/internal/gossip/wire/messages.ts"
import * as Lone from "./lone.ts"
import { acks, alive, isIndirect, isPing, suspect, tags, withOthers } from "./lone.ts"

describe("a probe", () => {
  it("asks everybody once in a round, whoever they are", () => {
    const lone = withOthers(10)
    lone.sent.length = 0
    lone.run(10_000, acks)
    const asked = lone.sent.filter(({ messages }) => messages.some(isPing)).map(({ to }) => to)
    assert.lengthOf(asked, 10)
    lone.run(20_000, acks)
    for (let port = 2; port < 12; port++) assert.include(lone.sent.map(({ to }) => to), port)
  })

  it("that is not answered in time asks three others to ask, and asks over a connection", () => {
    const lone = withOthers(10)
    const since = lone.now()
    lone.run(1499, () => [])
    const ping = lone.sent.find(({ at, messages }) => at > since && messages.some(isPing))!
    const asked = lone.sent.filter(({ at, messages }) => at > since && messages.some(isIndirect))
    assert.lengthOf(asked, 3)
    for (const { at, messages } of asked) {
      assert.closeTo(at - ping.at, Settings.lan.probeTimeout, 1)
      assert.strictEqual(messages.find(isIndirect)?.node, `m${ping.to}`)
      assert.isTrue(messages.find(isIndirect)?.wantsNack)
    }
    assert.deepStrictEqual(lone.streamed.map(([node]) => node), [`m${ping.to}`])
  })

  it("does not ask over a connection who cannot answer there", () => {
    const { delegate } = Lone.versions
    const lone = Lone.make()
    lone.heard(alive("old", 2, { versions: { protocol: { min: 1, max: 2, current: 2 }, delegate } }))
    lone.run(5000)
    assert.isEmpty(lone.streamed)
  })

  it("that somebody else has an answer for is answered", () => {
    const lone = withOthers(10)
    lone.run(
      60_000,
      ({ messages, to }) =>
        to === 2 ?
          [] :
          messages.flatMap((message): ReadonlyArray<Message> =>
            isPing(message) || isIndirect(message) ? [{ _tag: "Ack", sequence: message.sequence }] : []
          )
    )
    assert.isNotEmpty(lone.streamed)
    assert.isEmpty(lone.changes.filter(([, { _tag }]) => _tag === "Suspected"))
  })

  it("that is answered over a connection accuses nobody, and says nothing about one's health", () => {
    const lone = withOthers(10)
    // Three accusations: a probe may now take four times as long.
    for (let round = 1; round <= 3; round++) lone.heard(suspect("me", "m2", lone.swim.self.incarnation))
    const pings = () => lone.sent.filter(({ messages, to }) => to !== 99 && messages.some(isPing))
    const before = pings().length
    for (let passed = 0; passed < 40_000; passed += 100) {
      lone.run(100)
      for (const [, sequence] of lone.streamed.splice(0)) lone.swim.streamAnswered(sequence)
    }
    assert.isEmpty(lone.changes.filter(([, { _tag }]) => _tag === "Suspected"))
    assert.closeTo(pings().length - before, 10, 1, "each takes four intervals still")
  })

  it("takes the longer, the more of one's own fail without a nack, and recovers by answers", () => {
    const gaps = (reply: (sent: Lone.Sent) => ReadonlyArray<Message>, lone: Lone.Lone): ReadonlyArray<number> => {
      const since = lone.now()
      lone.run(60_000, reply)
      const pings = lone.sent.filter(({ at, messages }) => at > since && messages.some(isPing)).map(({ at }) => at)
      return pings.slice(1).map((at, index) => Math.round((at - pings[index]!) / 1000))
    }
    const lone = withOthers(40)
    assert.deepStrictEqual(gaps(() => [], lone).slice(0, 4), [1, 4, 7, 8])
    lone.run(30_000, acks)
    assert.deepStrictEqual(new Set(gaps(acks, lone)), new Set([1]))
    // Helpers that say that they have no answer either show that one's own packets arrive.
    const nacks = ({ messages }: Lone.Sent): ReadonlyArray<Message> =>
      messages.filter(isIndirect).map(({ sequence }) => ({ _tag: "Nack", sequence }))
    assert.deepStrictEqual(new Set(gaps(nacks, withOthers(80))), new Set([1]))
  })

  it("of a suspect tells it that it is suspected, however often others were told", () => {
    const lone = withOthers(3)
    const since = lone.now()
    lone.heard(suspect("m2", "m3"))
    lone.run(20_000, acks)
    const pings = lone.sent.filter(({ at, messages, to }) => at > since && to === 2 && messages.some(isPing))
    assert.isAbove(pings.length, 3)
    for (const { messages } of pings) {
      assert.include(messages.map((message) => "node" in message && `${message._tag} ${message.node}`), "Suspect m2")
    }
  })

  it("for another member is made under a number and an address of one's own, and its answer passed on", () => {
    const lone = withOthers(3)
    const source = { ...Lone.at(50), node: "asker" }
    const ask: Message = {
      _tag: "IndirectPing",
      sequence: 70_000,
      node: "m2",
      target: Lone.at(2),
      wantsNack: true,
      source
    }
    lone.sent.length = 0
    lone.heard(ask)
    const ping = lone.sent[0]!.messages.find(isPing)!
    assert.strictEqual(lone.sent[0]!.to, 2)
    assert.notStrictEqual(ping.sequence, 70_000)
    assert.strictEqual(ping.source?.node, "me")
    lone.heard({ _tag: "Ack", sequence: ping.sequence })
    assert.deepInclude(lone.sent[1], { to: 50 })
    assert.deepInclude(lone.sent[1]!.messages, { _tag: "Ack", sequence: 70_000, payload: undefined })
    lone.run(2000, acks)
    assert.isEmpty(lone.sent.filter(({ messages }) => messages.some(({ _tag }) => _tag === "Nack")))
    lone.heard(ask)
    const since = lone.now()
    lone.run(2000)
    const nack = lone.sent.filter(({ messages }) => messages.some(({ _tag }) => _tag === "Nack"))
    assert.lengthOf(nack, 1)
    assert.closeTo(nack[0]!.at - since, Settings.lan.probeTimeout, 1)
  })

  it("is made for so many others at once, and no more", () => {
    const lone = withOthers(3)
    lone.sent.length = 0
    for (let sequence = 0; sequence < 5000; sequence++) {
      lone.heard({ _tag: "IndirectPing", sequence, node: "m2", target: Lone.at(2), wantsNack: true })
    }
    assert.lengthOf(lone.sent, 1024)
    lone.run(1500, ({ messages }) => messages.filter(isPing).slice(0, 0))
    const before = lone.sent.length
    lone.heard({ _tag: "IndirectPing", sequence: 1, node: "m2", target: Lone.at(2), wantsNack: false })
    assert.lengthOf(lone.sent, before + 1)
  })

  it("is answered where it says to, by whom it means", () => {
    const lone = withOthers(3)
    lone.sent.length = 0
    lone.heard(
      { _tag: "Ping", sequence: 5, node: "me", source: { ...Lone.at(50), node: "m2" } },
      { _tag: "Ping", sequence: 6, node: "m2" },
      { _tag: "Ping", sequence: 7, node: "" }
    )
    assert.deepStrictEqual(
      lone.sent.map(({ messages, to }) => [to, "sequence" in messages[0]! && messages[0].sequence]),
      [
        [50, 5],
        [99, 7]
      ]
    )
  })
})

describe("a standstill", () => {
  it("ends with what came meanwhile, and not with a verdict", () => {
    const lone = withOthers(10)
    lone.heard(suspect("m2", "m3"), suspect("m2", "m4"), suspect("m2", "m5"))
    lone.run(1100, () => [])
    const open = lone.sent.flatMap(({ messages, to }) =>
      messages.filter(isPing).map(({ sequence }) => ({ sequence, to }))
    )
    const before = tags(lone).length
    lone.stall(60_000)
    assert.strictEqual(tags(lone).length, before)
    for (const { sequence } of open) lone.heard({ _tag: "Ack", sequence })
    lone.heard(alive("m2", 2, { incarnation: 2 }))
    lone.run(30_000, acks)
    assert.notInclude(tags(lone), "Failed")
  })
})
