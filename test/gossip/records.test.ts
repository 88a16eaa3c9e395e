import { assert, describe, it } from "@effect/vitest"
import * as News from "../../src/internal/gossip/registry/news.ts"
import * as Records from "../../src/internal/gossip/registry/records.ts"
import { isProblem } from "../../src/internal/gossip/wire/problem.ts"
import { instance } from "../suites/registry.ts"
import { makeLots } from "./lots.ts"

const record = (node: string, sequence: number, options?: { service?: string; life?: number; ids?: Array<string> }) => {
  const { ids = ["one"], life = 7, service = "orders" } = options ?? {}
  return News.record({ node, service, sequence, life, instances: ids.map((id) => instance(id, { service })) })
}

describe("what is known of services", () => {
  it("is what was written last, whatever comes last", () => {
    const records = Records.make()
    assert.strictEqual(records.put(record("a", 2), 0), "New")
    assert.strictEqual(records.put(record("a", 2), 0), "Old")
    assert.strictEqual(records.put(record("a", 1, { life: 9 }), 0), "Old")
    assert.strictEqual(records.put(record("a", 2, { life: 8 }), 0), "New")
    assert.strictEqual(records.put(record("a", 3, { ids: [] }), 0), "New")
    assert.strictEqual(records.put(record("a", 2, { life: 9 }), 0), "Old")
    assert.isEmpty(records.get("a", "orders")?.instances)
  })

  it("is bounded in number, in number for each member, and in bytes", () => {
    const size = record("a", 1, { service: "s1" }).bytes.length
    const records = Records.make({ records: 3, ofNode: 2, bytes: size * 2 + 20 })
    assert.strictEqual(records.put(record("a", 1, { service: "s1" }), 0), "New")
    assert.strictEqual(records.put(record("b", 1, { service: "s1" }), 0), "New")
    assert.strictEqual(records.put(record("c", 1, { service: "s1" }), 0), "Full")
    for (const service of ["s1", "s2"]) {
      assert.strictEqual(records.put(record("a", 2, { service, ids: [] }), 0), "New")
    }
    assert.strictEqual(records.put(record("a", 2, { service: "s3", ids: [] }), 0), "Full")
    assert.strictEqual(records.put(record("c", 2, { ids: [] }), 0), "Full")
  })

  it("is summed up to the same number by who knows the same, whatever is remembered of the past", () => {
    const [one, other] = [Records.make(), Records.make()]
    const services = ["s1", "s2", "s3"].map((service) => record("a", 1, { service }))
    for (const service of services) one.put(service, 0)
    for (const service of services.toReversed()) other.put(service, 0)
    one.put(record("a", 4, { service: "s4", ids: [] }), 0)
    assert.strictEqual(one.sum("a"), other.sum("a"))
    assert.notStrictEqual(one.sum("a"), 0)
    one.put(record("a", 5, { service: "s2" }), 0)
    assert.notStrictEqual(one.sum("a"), other.sum("a"))
  })

  it("is forgotten when it was over for long enough: records that say nothing, and those of nobody", () => {
    const records = Records.make()
    records.put(record("a", 1), 10)
    records.put(record("a", 2, { service: "users", ids: [] }), 10)
    records.put(record("b", 1), 10)
    assert.deepStrictEqual(records.sweep((node) => node === "a", 10), [])
    assert.deepStrictEqual([...records.nodes()], ["a", "b"])
    assert.lengthOf(records.sweep((node) => node === "a", 11), 2)
    assert.deepStrictEqual(records.of("a").map(({ service }) => service), ["orders"])
    assert.deepStrictEqual([...records.nodes()], ["a"])
  })
})

describe("hearsay", () => {
  it("counts until there is a record, is told to nobody, and forgotten unless it is heard again", () => {
    const records = Records.make()
    records.put(record("a", Records.hearsay, { service: "users", life: 1 }), 10)
    records.put(record("a", Records.hearsay, { life: 1 }), 10)
    assert.strictEqual(records.put(record("a", Records.hearsay, { life: 2 }), 20), "New")
    assert.deepStrictEqual([records.told("a"), records.sum("a")], [[], 0])
    assert.deepStrictEqual(records.sweep(() => true, 11).map(({ service }) => service), ["users"])
    assert.strictEqual(records.put(record("a", 1), 20), "New")
    assert.strictEqual(records.put(record("a", Records.hearsay, { life: 9 }), 20), "Old")
    assert.deepStrictEqual(records.told("a").map(({ service }) => service), ["orders"])
  })
})

describe("records on the wire", () => {
  const told: ReadonlyArray<News.Told> = [
    { _tag: "News", records: [record("a", 1), record("é", 0xFFFF_FFFF, { life: 0, ids: ["one", "two"] })] },
    { _tag: "Question", sums: new Map([["a", 5], ["b", 0xFFFF_FFFF]]), records: [] },
    { _tag: "Answer", sums: new Map(), records: [record("a", 1, { ids: [] })] }
  ]

  it("are read as they were written", () => {
    for (const one of told) assert.deepStrictEqual(plain(News.read(News.write(one))), plain(one))
  })

  it("of others are not taken for ours", () => {
    assert.isUndefined(News.read(Uint8Array.of()))
    assert.isUndefined(News.read(Uint8Array.of(8, 1, 2)))
  })

  it("are read or refused, whatever happens to them", () => {
    const lots = makeLots(3)
    let refused = 0
    for (let round = 0; round < 20_000; round++) {
      const bytes = lots.mangle(News.write(lots.one(told)))
      if (isProblem(News.read(bytes))) refused++
    }
    assert.isAbove(refused, 1000)
  })

  it("are refused where they tell of another service than they say", () => {
    const lie = News.record({ node: "a", service: "users", sequence: 1, life: 1, instances: [instance("one")] })
    assert.isTrue(isProblem(News.read(News.write({ _tag: "News", records: [lie] }))))
  })
})

// ---------------------------------------------------------------------------------------------------------------------

const plain = (told: unknown): unknown =>
  JSON.parse(
    JSON.stringify(told, (key, value) => key === "bytes" ? undefined : value instanceof Map ? [...value] : value)
  )
