import { assert, describe, it } from "@effect/vitest"
import * as Ring from "../../src/internal/gossip/registry/ring.ts"
import * as Keys from "../../src/internal/gossip/serf/keys.ts"
import * as Messages from "../../src/internal/gossip/serf/messages.ts"
import * as Msgpack from "../../src/internal/gossip/wire/msgpack.ts"
import { isProblem } from "../../src/internal/gossip/wire/problem.ts"
import { makeLots } from "./lots.ts"

const said: ReadonlyArray<Messages.Intent | Messages.Event> = [
  { _tag: "Leave", time: 7, node: "one" },
  { _tag: "Join", time: 300, node: "zwei" },
  { _tag: "Event", time: 70_000, name: "deploy", payload: Buffer.from([1, 2, 3]) }
]

const state = { memberTime: 1, eventTime: 2, queryTime: 3, micro: Buffer.from("ours") }

describe("what agents of Serf say", () => {
  it("is read as it was written", () => {
    for (const message of said) assert.deepStrictEqual(Messages.read(Messages.write(message)), message)
    assert.deepStrictEqual(Messages.readState(Messages.writeState(state)), state)
  })

  it("is read or refused, whatever happens to it", () => {
    const lots = makeLots(4)
    let refused = 0
    for (let round = 0; round < 20_000; round++) {
      if (isProblem(Messages.read(lots.mangle(Messages.write(lots.one(said)))))) refused++
      if (isProblem(Messages.readState(lots.mangle(Messages.writeState(state))))) refused++
    }
    assert.isAbove(refused, 1000)
  })

  it("tells by the tags whether a member runs this package", () => {
    assert.isTrue(Messages.isTagged(Messages.meta))
    assert.isFalse(Messages.isTagged(Buffer.alloc(0)))
    assert.isFalse(Messages.isTagged(Buffer.from("effect-micro")))
    assert.isFalse(Messages.isTagged(Buffer.from([255, 0x80])))
    assert.isFalse(Messages.isTagged(Buffer.from([255, 0xDF, 255, 255, 255, 255])))
  })
})

describe("the keys of a member", () => {
  const key = (byte: number): Buffer => Buffer.alloc(16, byte)
  const ask = (deed: string, key: Uint8Array, ring: Ring.Ring | undefined) => {
    const writer = Msgpack.makeWriter()
    writer.byte(7)
    writer.write({ Key: key })
    const name = `_serf_${deed}`
    const asker = { address: Uint8Array.of(127, 0, 0, 1), port: 1 }
    const query = { _tag: "Query", time: 1, id: 1, asker, wantsAck: false, name, payload: writer.bytes(), filters: [] }
    const answer = Keys.answer(query as Messages.Query, ring)
    if (answer === undefined) return undefined
    const fields = Msgpack.fields(Messages.behind(answer))
    return { isDone: fields.get("Result"), message: String(fields.get("Message")), keys: fields.get("Keys") }
  }

  it("are installed, used and removed, the one in use never", () => {
    const ring = Ring.make([key(1)])
    assert.include(ask("use-key", key(2), ring), { isDone: false, message: "The key is not installed" })
    assert.include(ask("install-key", key(2), ring), { isDone: true })
    assert.include(ask("install-key", key(2), ring), { isDone: true })
    assert.include(ask("install-key", Buffer.alloc(15), ring), { isDone: false, message: "A key of 15 bytes" })
    assert.include(ask("use-key", key(2), ring), { isDone: true })
    assert.include(ask("remove-key", key(2), ring), { isDone: false, message: "The key is in use" })
    assert.deepStrictEqual(
      ask("list-keys", key(1), ring)?.keys,
      [2, 1].map((byte) => Buffer.from(key(byte).toString("base64")))
    )
    assert.include(ask("remove-key", key(1), ring), { isDone: true })
    assert.deepStrictEqual(ring.keys, [Uint8Array.from(key(2))])
  })

  it("are bounded in number", () => {
    const ring = Ring.make([key(0)])
    for (let byte = 1; byte < 16; byte++) assert.isUndefined(ring.install(key(byte)))
    assert.strictEqual(ring.install(key(16)), "There are 16 keys already")
  })

  it("are asked of who has none in vain, and nothing else is answered", () => {
    assert.include(ask("use-key", key(1), undefined), { isDone: false, message: "This member has no keys" })
    assert.isUndefined(ask("conflict", key(1), undefined))
  })
})
