import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import type { Wire } from "../../src/Codec.ts"
import * as JsonCodec from "../../src/Layers/JsonCodec.ts"
import { codecSuite, failed, succeeded } from "../suites/codec.ts"

const go = JsonCodec.format({ reads: "go" })

codecSuite("JsonCodec of Go", go)

class Money extends Schema.Class<Money>("Money")({ unitAmount: Schema.BigInt }) {}

const Order = Schema.Struct({
  orderId: Schema.String,
  total: Schema.BigInt,
  item_count: Schema.Int,
  lines: Schema.Array(Schema.Struct({ unitPrice: Schema.Number })),
  byName: Schema.Record(Schema.String, Schema.BigInt),
  money: Schema.optional(Money),
  maybe: Schema.NullOr(Schema.BigInt),
  state: Schema.Literals(["OPEN", "CLOSED"]),
  mayBe: Schema.optionalKey(Schema.String)
})

interface Tree {
  readonly nodeId: bigint
  readonly childNodes: ReadonlyArray<Tree>
}

const Tree = Schema.Struct({
  nodeId: Schema.BigInt,
  childNodes: Schema.Array(Schema.suspend((): Schema.Codec<Tree, any> => Tree))
})

const order = {
  orderId: "a",
  total: 12n,
  item_count: 3,
  lines: [{ unitPrice: 1.5 }],
  byName: { first_one: 1n },
  money: new Money({ unitAmount: 5n }),
  maybe: 4n,
  state: "OPEN"
} as const

const read = <S extends Wire>(schema: S, json: string) => go.coder(schema).decode(Buffer.from(json))

describe("JSON of Go", () => {
  it("is read with names in snake case and int64 as numbers, as plain encoders write it", () => {
    const json = `{"order_id":"a","total":12,"item_count":3,"lines":[{"unit_price":1.5}],"by_name":{"first_one":1},`
      + `"money":{"unit_amount":5},"maybe":4,"state":"OPEN"}\n`
    assert.deepStrictEqual(succeeded(read(Order, json)), order)
  })

  it("is read with names in camel case and int64 as strings, as protojson writes it", () => {
    const json = `{"orderId":"a","total":"12","itemCount":"3","lines":[{"unitPrice":1.5}],"byName":{"first_one":"1"},`
      + `"money":{"unitAmount":"5"},"maybe":"4","state":"OPEN"}`
    assert.deepStrictEqual(succeeded(read(Order, json)), order)
  })

  it("is written in one dialect, the canonical one", () => {
    const bytes = succeeded(go.coder(Order).encode(order))
    assert.deepStrictEqual(bytes, succeeded(JsonCodec.format().coder(Order).encode(order)))
  })

  it("is read with null for a list, a map and a field that are not there", () => {
    const json = `{"order_id":"a","total":1,"item_count":0,"lines":null,"by_name":null,"money":null,"maybe":null,`
      + `"state":"CLOSED","may_be":null}`
    const { byName, lines, ...rest } = succeeded(read(Order, json))
    assert.deepStrictEqual([lines, byName], [[], {}])
    assert.isUndefined(rest.mayBe)
  })

  it("is read at any depth of a schema that holds itself", () => {
    const json = `{"node_id":1,"child_nodes":[{"nodeId":"2","child_nodes":null}]}`
    assert.deepStrictEqual(succeeded(read(Tree, json)), { nodeId: 1n, childNodes: [{ nodeId: 2n, childNodes: [] }] })
  })

  it("is read as the member of a union that it is tagged as, and as no other", () => {
    const Event = Schema.TaggedUnion({ Paid: { unitAmount: Schema.BigInt }, Sent: { unitAmount: Schema.String } })
    const cases = { [`{"_tag":"Paid","unit_amount":5}`]: 5n, [`{"_tag":"Sent","unit_amount":"5"}`]: "5" }
    for (const [json, unitAmount] of Object.entries(cases)) {
      assert.strictEqual(succeeded(read(Event, json)).unitAmount, unitAmount)
    }
    failed(read(Event, `{"_tag":"Lost","unit_amount":5}`))
  })

  it("loses to the name that the schema uses itself", () => {
    const Both = Schema.Struct({ userId: Schema.String, user_id: Schema.String })
    const both = { userId: "camel", user_id: "snake" }
    assert.deepStrictEqual(succeeded(read(Both, JSON.stringify(both))), both)
    failed(read(Both, `{"user_id":"snake"}`))
    const One = Schema.Struct({ userId: Schema.String })
    assert.deepStrictEqual(succeeded(read(One, JSON.stringify(both))), { userId: "camel" })
  })

  it("is refused where a number has lost its last digits on the way", () => {
    failed(read(Schema.BigInt, "9007199254740993"))
    assert.strictEqual(succeeded(read(Schema.BigInt, `"9007199254740993"`)), 9007199254740993n)
    failed(read(Schema.Int, `"9007199254740993"`))
  })

  it("lets a property named __proto__ change no prototype", () => {
    const value = succeeded(read(Schema.Record(Schema.String, Schema.Number), `{"__proto__":1}`))
    assert.deepStrictEqual(Object.keys(value), ["__proto__"])
    failed(read(Schema.Struct({ unitPrice: Schema.Number }), `{"__proto__":{"unit_price":1}}`))
  })

  it("is not read unless asked for", () => {
    failed(JsonCodec.format().coder(Order).decode(Buffer.from(`{"order_id":"a"}`)))
    failed(JsonCodec.format().coder(Schema.BigInt).decode(Buffer.from("1")))
  })
})
