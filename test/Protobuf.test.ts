import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import protobuf from "protobufjs"
import * as Contract from "../src/Contract.ts"
import * as ProtobufCodec from "../src/Layers/ProtobufCodec.ts"
import * as Protobuf from "../src/Protobuf.ts"
import { failed, succeeded } from "./suites/codec.ts"

const format = ProtobufCodec.format()

const hex = <S extends Schema.Codec<any, any>>(schema: S, value: S["Type"]): string =>
  Buffer.from(succeeded(format.coder(schema).encode(value))).toString("hex")

const printed = (schema: Schema.Codec<any, any>): string =>
  Protobuf.print(Contract.Service()("shop", { ask: Contract.method({ payload: schema }) }))

/** The lines of the one message or enum. */
const block = (text: string, head: string): ReadonlyArray<string> =>
  text.split(`${head} {\n`)[1]?.split("\n}")[0].split("\n").map((line) => line.trim()) ?? []

describe("Protobuf.field", () => {
  it("numbers what it is said of, and leaves the rest to the order of declaration", () => {
    const schema = Schema.Struct({
      a: Schema.String,
      b: Schema.String.pipe(Protobuf.field(1)),
      c: Schema.optional(Schema.String.pipe(Protobuf.field(7))),
      d: Schema.String
    })
    assert.deepStrictEqual(block(printed(schema), "message AskRequest"), [
      "string b = 1;",
      "string a = 2;",
      "string d = 3;",
      "optional string c = 7;"
    ])
  })

  it("numbers the members of a union", () => {
    const schema = Schema.Union([
      Schema.TaggedStruct("A", {}).pipe(Protobuf.field(5)),
      Schema.TaggedStruct("B", {})
    ])
    assert.deepStrictEqual(block(printed(schema), "message AskRequest"), [
      "oneof choice {",
      "AskRequestB b = 1;",
      "AskRequestA a = 5;",
      "}"
    ])
  })

  it("puts a literal on the wire that would not be there without it", () => {
    assert.strictEqual(hex(Schema.Struct({ _tag: Schema.tag("A") }), { _tag: "A" }), "")
    assert.strictEqual(hex(Schema.Struct({ _tag: Schema.tag("A").pipe(Protobuf.field(1)) }), { _tag: "A" }), "0801")
  })

  it("refuses numbers that are taken or that protobuf does not have, and says where", () => {
    const twice = Schema.Struct({
      inner: Schema.Struct({ a: Schema.String.pipe(Protobuf.field(2)), b: Schema.String.pipe(Protobuf.field(2)) })
    })
    assert.throws(() => format.coder(twice), /number 2 already\n {2}at \["inner"\]\["b"\]/)
    for (const number of [0, -1, 1.5, 19_000, 2 ** 29]) {
      const schema = Schema.Struct({ a: Schema.String.pipe(Protobuf.field(number)) })
      assert.throws(() => format.coder(schema), /is no number for a field\n {2}at \["a"\]/)
    }
  })
})

describe("Protobuf.print", () => {
  it("has one message for a schema, wherever it is and however often it may be absent", () => {
    class Money extends Schema.Class<Money>("acme/Money")({ units: Schema.Int }) {}
    const Level = Schema.Literals(["low", "high"])
    const Shape = Schema.TaggedUnion({ A: {}, B: {} })
    const text = printed(Schema.Struct({
      one: Money,
      two: Schema.NullOr(Money),
      three: Schema.Option(Money),
      four: Schema.Array(Money),
      level: Level,
      maybe: Schema.NullOr(Level),
      shape: Schema.optional(Shape),
      other: Schema.NullOr(Shape)
    }))
    assert.deepStrictEqual(block(text, "message AskRequest"), [
      "Money one = 1;",
      "optional Money two = 2;",
      "optional Money three = 3;",
      "repeated Money four = 4;",
      "AskRequestLevel level = 5;",
      "optional AskRequestLevel maybe = 6;",
      "optional AskRequestShape shape = 7;",
      "optional AskRequestShape other = 8;"
    ])
    assert.strictEqual(text.split("message Money").length, 2)
  })

  it("numbers the members of a union as they are declared, and tells them apart whatever their order", () => {
    const schema = Schema.Union([Schema.Struct({ choice: Schema.Int }), Schema.String, Schema.Boolean])
      .annotate({ identifier: "Choice" })
    assert.deepStrictEqual(block(printed(schema), "message Choice"), [
      "oneof choice {",
      "ChoiceObject object = 1;",
      "string string = 2;",
      "bool boolean = 3;",
      "}"
    ])
    assert.strictEqual(hex(schema, "a"), "120161")
    assert.strictEqual(hex(schema, { choice: 1 }), "0a020801")
  })

  it("gives names that protobuf takes, and no two things the same", () => {
    const schema = Schema.Struct({
      unitPrice: Schema.Int,
      unit_price: Schema.Int,
      HTTPServer: Schema.Int,
      "2nd": Schema.Int,
      "größe": Schema.Int,
      "": Schema.Int
    })
    assert.deepStrictEqual(block(printed(schema), "message AskRequest"), [
      "int64 unit_price = 1;",
      "int64 unit_price_2 = 2;",
      "int64 http_server = 3;",
      "int64 field_2nd = 4;",
      "int64 gr_e = 5;",
      "int64 field = 6;"
    ])
    const choice = Schema.TaggedUnion({ Choice: {}, Other: {} })
    assert.include(block(printed(choice), "message AskRequest"), "AskRequestChoice choice_2 = 1;")
  })

  it("prints what was bound as it is bound", () => {
    const { root } = protobuf.parse(`syntax = "proto3"; message Line { fixed32 unit_count = 9; }`)
    const schema = Protobuf.bind(Schema.Struct({ unitCount: Schema.Int }), "Line", root)
    const text = printed(Schema.Struct({ a: schema, b: Schema.NullOr(schema) }))
    assert.deepStrictEqual(block(text, "message Line"), ["fixed32 unit_count = 9;"])
    assert.strictEqual(text.split("message Line").length, 2)
  })
})

describe("a schema that protobuf cannot express", () => {
  it.each([
    ["a symbol", Schema.Struct({ deep: Schema.Struct({ a: Schema.Symbol }) }), `["deep"]["a"]`],
    ["a value that cannot be", Schema.Struct({ a: Schema.Never }), `["a"]`],
    ["a bigint of 32 bits", Schema.Struct({ list: Schema.Array(Schema.BigInt.pipe(Protobuf.int32)) }), `["list"]["*"]`],
    ["elements after a list", Schema.TupleWithRest(Schema.Tuple([]), [Schema.Int, Schema.String]), "the schema itself"]
  ])("fails when its coder is made, and says where: %s", (_, schema, path) => {
    assert.throws(() => format.coder(schema as Schema.Codec<any, any>), new RegExp(`at ${escape(path)}$`))
    const inContract = path.startsWith("[") ? `["ask"]${path}` : `["ask"]`
    assert.throws(() => printed(schema as Schema.Codec<any, any>), new RegExp(`at ${escape(inContract)}$`))
  })
})

const escape = (text: string): string => text.replace(/[[\]*]/g, "\\$&")

describe("the numbers of Protobuf", () => {
  it.each([
    ["int32", Protobuf.int32, -3, "08fdffffffffffffffff01"],
    ["sint32", Protobuf.sint32, -3, "0805"],
    ["uint32", Protobuf.uint32, 2 ** 32 - 1, "08ffffffff0f"],
    ["fixed32", Protobuf.fixed32, 1, "0d01000000"],
    ["sfixed32", Protobuf.sfixed32, -1, "0dffffffff"],
    ["int64", Protobuf.int64, -3, "08fdffffffffffffffff01"],
    ["uint64", Protobuf.uint64, 2 ** 40, "08808080808020"],
    ["sint64", Protobuf.sint64, -(2 ** 40), "08ffffffffff3f"],
    ["fixed64", Protobuf.fixed64, 2 ** 40, "090000000000010000"],
    ["sfixed64", Protobuf.sfixed64, -1, "09ffffffffffffffff"],
    ["float", Protobuf.float, 1.5, "0d0000c03f"]
  ])("write %s as others do, and read it", (type, as, value, bytes) => {
    const schema = Schema.Struct({ a: Schema.Number.pipe(as) })
    assert.strictEqual(hex(schema, { a: value }), bytes)
    assert.deepStrictEqual(succeeded(format.coder(schema).decode(Buffer.from(bytes, "hex"))), { a: value })
    assert.include(printed(schema), `${type} a = 1;`)
  })

  it.each([
    ["int64", Schema.BigInt, -(2n ** 63n), "0880808080808080808001"],
    ["uint64", Schema.BigInt.pipe(Protobuf.uint64), 2n ** 64n - 1n, "08ffffffffffffffffff01"],
    ["sint64", Schema.BigInt.pipe(Protobuf.sint64), -(2n ** 63n), "08ffffffffffffffffff01"],
    ["fixed64", Schema.BigInt.pipe(Protobuf.fixed64), 2n ** 63n, "090000000000000080"],
    ["sfixed64", Schema.BigInt.pipe(Protobuf.sfixed64), -1n, "09ffffffffffffffff"]
  ])("write bigints as %s, to the last one", (_, a, value, bytes) => {
    const schema = Schema.Struct({ a })
    assert.strictEqual(hex(schema, { a: value }), bytes)
    assert.deepStrictEqual(succeeded(format.coder(schema).decode(Buffer.from(bytes, "hex"))), { a: value })
  })

  it("are int32 where the bounds of a schema fit it", () => {
    const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
    assert.include(printed(Schema.Struct({ a: between(-1, 2 ** 31 - 1) })), "int32 a")
    assert.include(printed(Schema.Struct({ a: between(0, 2 ** 31) })), "int64 a")
    assert.include(printed(Schema.Struct({ a: Schema.Int.check(Schema.isGreaterThan(0)) })), "int64 a")
    assert.include(printed(Schema.Struct({ a: Schema.Number.check(Schema.isLessThan(9)) })), "double a")
  })

  it("refuse what does not fit, with the path", () => {
    const refused = (as: typeof Protobuf.int32, value: number) => {
      const error = failed(format.coder(Schema.Array(Schema.Number.pipe(as))).encode([0, value]))
      assert.strictEqual(error.reason._tag, "EncodeFailed")
      assert.match(error.message, /Expected [^]*at \[1\]/)
    }
    for (const as of [Protobuf.int32, Protobuf.sint32, Protobuf.sfixed32]) {
      for (const n of [2 ** 31, 0.5]) refused(as, n)
    }
    for (const as of [Protobuf.uint32, Protobuf.fixed32]) for (const n of [-1, 2 ** 32]) refused(as, n)
    for (const as of [Protobuf.uint64, Protobuf.fixed64]) refused(as, -1)
    const big = format.coder(Schema.Struct({ a: Schema.BigInt }))
    for (const a of [2n ** 63n, -(2n ** 63n) - 1n]) assert.include(failed(big.encode({ a })).message, `at ["a"]`)
  })
})

describe("Protobuf.bind", () => {
  const root = protobuf.parse(`
    syntax = "proto3";
    package acme;
    import "google/protobuf/timestamp.proto";
    enum Level { LEVEL_UNKNOWN = 0; LEVEL_HIGH = 4; LEVEL_LOW = 9; }
    message Line { string sku = 3; sint32 count = 8; }
    message Card { string number = 1; }
    message Payment { oneof how { Card card = 2; string voucher = 6; } }
    message Order {
      int64 order_id = 10; repeated Line lines = 4; Level level = 5; optional string note = 6;
      map<string, int32> labels = 7; Payment paid = 11; string internal = 12; string plain = 13;
    }
  `).root
  root.resolveAll()

  const Line = Schema.Struct({ sku: Schema.String, count: Schema.Int })
  const Order = Schema.Struct({
    orderId: Schema.BigInt,
    lines: Schema.Array(Line),
    level: Schema.Literals(["low", "high"]),
    note: Schema.optionalKey(Schema.String),
    labels: Schema.Record(Schema.String, Schema.Int)
  })

  it("writes what the bound type reads, and reads what it writes", () => {
    const schema = Protobuf.bind(Order, "acme.Order", root)
    const value = {
      orderId: 2n ** 60n,
      lines: [{ sku: "pen", count: -2 }],
      level: "high" as const,
      note: "",
      labels: { x: 1 }
    }
    const type = root.lookupType("acme.Order")
    const bytes = succeeded(format.coder(schema).encode(value))
    assert.deepStrictEqual(type.toObject(type.decode(bytes), { longs: String, enums: String }), {
      orderId: String(2n ** 60n),
      lines: [{ sku: "pen", count: -2 }],
      level: "LEVEL_HIGH",
      note: "",
      labels: { x: 1 }
    })
    const theirs = type.encode(type.fromObject({
      orderId: String(2n ** 60n),
      lines: [{ sku: "pen", count: -2 }],
      level: "LEVEL_HIGH",
      note: "",
      labels: { x: 1 },
      internal: "for them only"
    })).finish()
    assert.deepStrictEqual(succeeded(format.coder(schema).decode(theirs)), value)
  })

  it("binds a union to a oneof, by the names of its members", () => {
    class Card extends Schema.Class<Card>("Card")({ number: Schema.String }) {}
    const schema = Protobuf.bind(
      Schema.Struct({ paid: Schema.Union([Card, Schema.String.annotate({ identifier: "Voucher" })]) }),
      "acme.Order",
      root
    )
    assert.strictEqual(hex(schema, { paid: new Card({ number: "1" }) }), "5a0512030a0131")
    assert.strictEqual(hex(schema, { paid: "v" }), "5a03320176")
  })

  it.each<readonly [string, Schema.Codec<any, any>, RegExp]>([
    ["a field it does not have", Schema.Struct({ price: Schema.Int }), /no field price\n {2}at \["price"\]/],
    [
      "another type",
      Schema.Struct({ lines: Schema.Array(Schema.Struct({ sku: Schema.Int })) }),
      /int64, sku is string\n {2}at \["lines"\]\["sku"\]/
    ],
    ["a list of what is one", Schema.Struct({ note: Schema.Array(Schema.String) }), /one value, the schema repeated/],
    [
      "absence that it cannot say",
      Schema.Struct({ plain: Schema.optionalKey(Schema.String) }),
      /cannot say that plain is absent/
    ],
    [
      "a literal it does not name",
      Schema.Struct({ level: Schema.Literals(["low", "middle"]) }),
      /no value for "middle"\n {2}at \["level"\]/
    ]
  ])("refuses a schema that asks for %s, and says where", (_, schema, problem) => {
    assert.throws(() => Protobuf.bind(schema as Schema.Codec<any, any> & Schema.Top, "acme.Order", root), problem)
  })
})

describe("Protobuf.compare", () => {
  const Base = Schema.Struct({ sku: Schema.String, count: Schema.Int })
  const breaks = (before: Schema.Codec<any, any>, after: Schema.Codec<any, any>) =>
    Protobuf.compare(before, after).map(({ breaks, path, problem }) =>
      `${path.join(".")}: ${problem}: ${breaks.join(" and ") || "nobody"}`
    )

  it("finds nothing where nothing changed, in a schema that holds itself as well", () => {
    interface Tree {
      readonly branches: ReadonlyArray<Tree>
    }
    const tree = () => {
      const Tree: Schema.Codec<Tree> = Schema.Struct({
        branches: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
      })
      return Tree
    }
    assert.deepStrictEqual(breaks(tree(), tree()), [])
    assert.deepStrictEqual(breaks(Base, Base), [])
  })

  it.each<readonly [string, Schema.Codec<any, any>, Schema.Codec<any, any>, ReadonlyArray<string>]>([
    ["fields that changed places", Base, Schema.Struct({ count: Schema.Int, sku: Schema.String }), [
      "sku: field 1 is now count: old readers and new readers",
      "count: field 2 is now sku: old readers and new readers"
    ]],
    ["a field that is new", Base, Schema.Struct({ ...Base.fields, note: Schema.String }), [
      "note: field 3 is new: nobody"
    ]],
    ["a message that is new and needed", Base, Schema.Struct({ ...Base.fields, at: Schema.Date }), [
      "at: field 3 is new: new readers"
    ]],
    ["a field that is gone", Base, Schema.Struct({ sku: Schema.String }), ["count: field 2 is gone: nobody"]],
    ["a field with another name", Base, Schema.Struct({ code: Schema.String, count: Schema.Int }), [
      "sku: field 1 is now called code: nobody"
    ]],
    ["a field with another type", Base, Schema.Struct({ sku: Schema.Uint8Array, count: Schema.Int }), [
      "sku: was string, is bytes: old readers and new readers"
    ]],
    [
      "an integer with more room",
      Schema.Struct({ a: Schema.Int.pipe(Protobuf.int32) }),
      Schema.Struct({ a: Schema.Int }),
      [
        "a: was int32, is int64: old readers"
      ]
    ],
    ["a value that became a list", Base, Schema.Struct({ sku: Schema.Array(Schema.String), count: Schema.Int }), [
      "sku: was one value, is a list: old readers and new readers"
    ]],
    ["a date that may be absent", Schema.Struct({ a: Schema.Date }), Schema.Struct({ a: Schema.NullOr(Schema.Date) }), [
      "a: may now be absent: old readers"
    ]],
    [
      "literals",
      Schema.Struct({ a: Schema.Literals(["x", "y"]) }),
      Schema.Struct({ a: Schema.Literals(["y", "x", "z"]) }),
      [
        `a: 1 was "x", is "y": old readers and new readers`,
        `a: 2 was "y", is "x": old readers and new readers`,
        `a: "z" is new: old readers`
      ]
    ],
    ["the members of a union", Schema.TaggedUnion({ A: {}, B: {} }), Schema.TaggedUnion({ A: {}, B: {}, C: {} }), [
      "c: alternative 3 is new: old readers"
    ]]
  ])("tells %s", (_, before, after, changes) => {
    assert.deepStrictEqual(breaks(before, after), changes)
  })

  it("compares contracts method by method", () => {
    const contract = <M extends Contract.Methods>(methods: M) => Contract.Service()("shop", methods)
    const before = contract({
      ask: Contract.method({ payload: Base, success: Schema.Int }),
      stop: Contract.method({})
    })
    const after = contract({
      ask: Contract.method({ payload: Schema.Struct({ count: Schema.Int }), success: Contract.stream(Schema.Int) }),
      start: Contract.method({})
    })
    assert.deepStrictEqual(
      Protobuf.compare(before, after).map(({ path, problem }) => `${path.join(" ")}: ${problem}`),
      [
        "Shop.ask payload sku: field 1 is now count",
        "Shop.ask payload count: field 2 is gone",
        "Shop.ask success: one message is now a stream",
        "Shop.stop: the method is gone",
        "Shop.start: the method is new"
      ]
    )
  })
})
