import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import protobuf from "protobufjs"
import type { Member } from "../../src/internal/gossip/core/members.ts"
import * as Guests from "../../src/internal/gossip/goMicro/guests.ts"
import * as Updates from "../../src/internal/gossip/goMicro/updates.ts"
import * as Records from "../../src/internal/gossip/registry/records.ts"
import { isProblem } from "../../src/internal/gossip/wire/problem.ts"
import { awaitList, ids } from "../suites/registry.ts"
import * as GoMicro from "./goMicroMember.ts"
import * as Lone from "./lone.ts"
import { makeLots } from "./lots.ts"
import { addressOf, member } from "./members.ts"

const service = (name: string, host: string, ...ids: ReadonlyArray<string>): GoMicro.Service => ({
  name,
  version: "1.0",
  nodes: ids.map((id, index) => ({ id, address: `${host}:${9000 + index}` }))
})

const missing = GoMicro.isMissing ? " (a program of Go cannot be built)" : ""

describe.skipIf(GoMicro.isMissing)(`among members with Go Micro's own registry${missing}`, { concurrent: true }, () => {
  it.live("services are listed as they come and go, and go with their member", () =>
    Effect.gen(function*() {
      const one = yield* GoMicro.peer()
      yield* one.register(service("early", one.host, "early-1"))
      const joined = yield* member({ join: one.address })
      const told = yield* member({}, joined)
      // What was registered before is told to who joins.
      const [early] = yield* awaitList(joined.registry.watch("early"), () => true)
      assert.deepInclude(early, { id: "early-1", version: "1.0", address: `http://${one.host}:9000` })

      const orders = told.registry.watch("orders")
      yield* one.register(service("orders", one.host, "a"))
      yield* awaitList(orders, (list) => ids(list).join() === "a")
      // Two of one service in one process.
      yield* one.register(service("orders", one.host, "b"))
      yield* awaitList(orders, (list) => ids(list).join() === "a,b")
      yield* one.deregister(service("orders", one.host, "a"))
      yield* awaitList(orders, (list) => ids(list).join() === "b")

      const other = yield* GoMicro.peer({ join: addressOf(told) })
      yield* other.register(service("orders", other.host, "c"))
      yield* awaitList(joined.registry.watch("orders"), (list) => ids(list).join() === "b,c")
      one.kill()
      yield* awaitList(orders, (list) => ids(list).join() === "c")
      yield* awaitList(joined.registry.watch("early"), (list) => list.length === 0)
    }), 60_000)

  it.live("services are told by those that have the same key", () =>
    Effect.gen(function*() {
      const key = "micro-gossip-key"
      const ours = yield* member({ keys: [Redacted.make(Buffer.from(key).toString("base64"))] })
      const theirs = yield* GoMicro.peer({ key, join: addressOf(ours) })
      yield* theirs.register(service("orders", theirs.host, "a"))
      yield* awaitList(ours.registry.watch("orders"), (list) => ids(list).join() === "a")
    }), 60_000)
})

describe("what a member tells with Go Micro's own registry", () => {
  it("is the same record wherever it is heard, and its next one counts more", () => {
    const [here, there] = [known("g1"), known("g1")]
    for (const expires of [5000, 5001]) {
      const update = came(service("orders", "10.0.0.1", `${expires}`), expires)
      const record = hear(here, update)
      assert.deepStrictEqual(record, hear(there, update))
      assert.strictEqual(here.records.put(record!, 0), "New")
      there.records.put(record!, 0)
    }
    assert.deepStrictEqual(listed(here, "g1"), ["5000", "5001"])
  })

  it("is no news when it is said again, and none when it comes late", () => {
    const here = known("g1")
    const update = (expires: number) => came(service("orders", "10.0.0.1", "a"), expires)
    const gone = went(service("orders", "10.0.0.1", "a"))
    assert.isUndefined(hear(here, gone))
    here.records.put(hear(here, update(5000))!, 0)
    assert.isUndefined(hear(here, update(95_000)))
    here.records.put(hear(here, gone)!, 0)
    assert.isUndefined(hear(here, gone))
    assert.deepStrictEqual(listed(here, "g1"), [])
    assert.strictEqual(here.records.put(hear(here, update(5000))!, 0), "Old")
    assert.strictEqual(here.records.put(hear(here, update(5001))!, 0), "New")
  })

  it("is heard of members only, in packets that are theirs", () => {
    const here = known("g1")
    const update = came(service("orders", "10.0.0.1", "a"), 5000)
    assert.isUndefined(Guests.heard(here, update, Lone.at(77)))
    assert.isUndefined(Guests.heard({ ...here, guests: [] }, update, Lone.at(1)))
  })

  it("is refused where no record holds it, and where it cannot be read", () => {
    const here = known("g1")
    const many = Array.from({ length: 1000 }, (_, index) => `${index}-${"x".repeat(100)}`)
    for (
      const [update, text] of [
        [came(service("orders", "10.0.0.1", ...many), 5000), "more instances of orders than a record of 65536 bytes"],
        [Buffer.from(Update.encode({ ...facts, action: 1, data: Buffer.from("{}") }).finish()), "cannot be read"]
      ] as const
    ) {
      const problem = Guests.heard(here, update, Lone.at(1))
      assert.isTrue(isProblem(problem) && problem.message.includes(text))
    }
  })

  it("is hearsay of a member on the same host where it is told to who joins, until that member says it itself", () => {
    const here = known("g1", "g2")
    const state = (...services: ReadonlyArray<GoMicro.Service>) =>
      Buffer.from(JSON.stringify(Object.fromEntries(services.map((one) => [one.name, [one]]))))
    const hearsay = (told: Uint8Array) => {
      const records = Guests.told(here, told)
      if (isProblem(records)) throw new Error(records.message)
      for (const record of records) here.records.put(record, 0)
      return records.map(({ node }) => node)
    }
    assert.deepStrictEqual(hearsay(state(service("orders", "10.0.0.1", "a"), service("users", "10.0.0.9", "b"))), [
      "g1"
    ])
    assert.deepStrictEqual(listed(here, "g1"), ["a"])
    assert.deepStrictEqual([here.records.told("g1"), here.records.sum("g1")], [[], 0])
    assert.deepStrictEqual(hearsay(state(service("orders", "10.0.0.1", "c"))), ["g1"])
    assert.deepStrictEqual(listed(here, "g1"), ["c"])

    here.records.put(hear(here, came(service("orders", "10.0.0.1", "d"), 5000))!, 0)
    assert.deepStrictEqual(listed(here, "g1"), ["d"])
    assert.deepStrictEqual(hearsay(state(service("orders", "10.0.0.1", "a"))), [])
    assert.deepStrictEqual(here.records.told("g1").map(({ service }) => service), ["orders"])
  })

  it("is read or refused, whatever happens to it", () => {
    const lots = makeLots(5)
    const told = [came(service("orders", "10.0.0.1", "a"), 5000), Buffer.from(JSON.stringify({ orders: [] }))]
    let refused = 0
    for (let round = 0; round < 20_000; round++) {
      const bytes = lots.mangle(lots.one(told))
      if (isProblem(Updates.read(bytes))) refused++
      if (isProblem(Updates.readState(bytes))) refused++
    }
    assert.isAbove(refused, 1000)
  })
})

// ---------------------------------------------------------------------------------------------------------------------

const Update = protobuf.parse(
  `syntax = "proto3";
  message Update {
    uint64 expires = 1; int32 type = 2; int32 action = 3; map<string, string> metadata = 6; bytes data = 7;
  }`
).root.lookupType("Update")

const facts = { type: 1, metadata: { "Content-Type": "application/json" } }

/** Seconds are nanoseconds to Go. */
const came = (service: GoMicro.Service, expires: number): Uint8Array =>
  Update.encode({ ...facts, expires: expires * 1e6, action: 1, data: Buffer.from(JSON.stringify(service)) }).finish()

const went = (service: GoMicro.Service): Uint8Array =>
  Update.encode({ ...facts, action: 2, data: Buffer.from(JSON.stringify(service)) }).finish()

/** Guests on one host, of which the first is at port 1. */
const known = (...names: ReadonlyArray<string>): Guests.Known => ({
  guests: names.map((node, index): Member => ({
    address: Lone.at(index + 1).address,
    port: index + 1,
    node,
    incarnation: 1,
    meta: new Uint8Array(0),
    versions: { protocol: { min: 1, max: 5, current: 4 }, delegate: { min: 0, max: 0, current: 0 } },
    state: "alive",
    changedAt: 0,
    suspicion: undefined
  })),
  records: Records.make()
})

const hear = (known: Guests.Known, update: Uint8Array): Records.Record | undefined => {
  const record = Guests.heard(known, update, Lone.at(1))
  if (isProblem(record)) throw new Error(record.message)
  return record
}

const listed = ({ records }: Guests.Known, node: string): ReadonlyArray<string> =>
  records.of(node).flatMap(({ instances }) => ids(instances))
