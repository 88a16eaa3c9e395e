import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"
import protobuf from "protobufjs"
import * as ProtobufCodec from "../src/Layers/ProtobufCodec.ts"
import * as Protobuf from "../src/Protobuf.ts"
import { codecSuite, failed, shapes, succeeded, Tree } from "./suites/codec.ts"

const format = ProtobufCodec.format()

/** UTF-8 has no form for half a surrogate pair, and no number of protobuf has more than 64 bits. */
const refuses = (value: unknown): boolean => {
  switch (typeof value) {
    case "string":
      return !value.isWellFormed()
    case "bigint":
      return BigInt.asIntN(64, value) !== value
    case "object":
      return value !== null && !(value instanceof Uint8Array) && !BigDecimal.isBigDecimal(value) &&
        Object.entries(value).flat().some(refuses)
    default:
      return false
  }
}

/** Shapes for which protobuf has no words of its own. */
const more = {
  Scalar: Schema.String,
  List: Schema.Array(Schema.Int),
  Lists: Schema.Struct({
    rows: Schema.Array(Schema.Array(Schema.Int)),
    holes: Schema.Array(Schema.NullOr(Schema.String)),
    gaps: Schema.Array(Schema.NullishOr(Schema.Boolean)),
    nothings: Schema.Array(Schema.Undefined),
    filled: Schema.NonEmptyArray(Schema.Finite)
  }),
  Maps: Schema.Struct({
    nested: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Boolean)),
    nullable: Schema.Record(Schema.String, Schema.NullOr(Schema.Date)),
    numbered: Schema.Record(Schema.Number, Schema.Array(Schema.String))
  }),
  Rest: Schema.StructWithRest(Schema.Struct({ a: Schema.Int }), [Schema.Record(Schema.String, Schema.Int)]),
  Absence: Schema.Struct({
    list: Schema.optionalKey(Schema.Array(Schema.Int)),
    null: Schema.NullOr(Schema.Array(Schema.Int)),
    both: Schema.optionalKey(Schema.NullOr(Schema.Int)),
    map: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Int))),
    options: Schema.Option(Schema.Option(Schema.String)),
    nothing: Schema.Null,
    never: Schema.optionalKey(Schema.Null)
  }),
  Tuples: Schema.Struct({
    pair: Schema.Tuple([Schema.String, Schema.Int, Schema.Literal("x")]),
    short: Schema.Tuple([Schema.String, Schema.optionalKey(Schema.Int)]),
    long: Schema.TupleWithRest(Schema.Tuple([Schema.String]), [Schema.Int])
  }),
  Choices: Schema.Struct({
    any: Schema.Union([
      Schema.String,
      Schema.Number,
      Schema.Boolean,
      Schema.BigInt,
      Schema.Array(Schema.String),
      Schema.Date
    ]),
    literals: Schema.Literals(["a", 1, true]),
    shapes: Schema.Union([Schema.Struct({ a: Schema.Int }), Schema.Struct({ b: Schema.String }), Schema.Null])
  }),
  Json: Schema.Struct({ known: Schema.Json, unknown: Schema.Unknown }),
  Declared: Schema.Struct({
    url: Schema.URL,
    decimal: Schema.BigDecimal,
    set: Schema.ReadonlySet(Schema.Int),
    map: Schema.ReadonlyMap(Schema.Date, Schema.Option(Schema.Int)),
    result: Schema.Result(Schema.String, Schema.Date),
    parsed: Schema.NumberFromString,
    utc: Schema.DateTimeUtc
  })
}

codecSuite("ProtobufCodec", format, { refuses, dropsUndefined: true, more })

const small = format.coder(shapes.Small)

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex")

describe("ProtobufCodec", () => {
  it("writes what any other program can read", () => {
    const bytes = succeeded(small.encode({ id: 1, name: "pen" }))
    assert.strictEqual(Buffer.from(bytes).toString("hex"), "0801120370656e")
  })

  it("writes what protobufjs writes of the same message", () => {
    const schema = Schema.Struct({
      flag: Schema.Boolean,
      ratio: Schema.Number,
      names: Schema.Array(Schema.String),
      ratios: Schema.Array(Schema.Number),
      flags: Schema.Array(Schema.Boolean),
      raw: Schema.Uint8Array,
      labels: Schema.Record(Schema.String, Schema.Number),
      inner: Schema.optionalKey(shapes.Small)
    })
    const type = protobuf.parse(`
      syntax = "proto3";
      message Small { int64 id = 1; string name = 2; }
      message All {
        bool flag = 1; double ratio = 2; repeated string names = 3; repeated double ratios = 4;
        repeated bool flags = 5; bytes raw = 6; map<string, double> labels = 7; Small inner = 8;
      }`).root.lookupType("All")
    const value = {
      flag: true,
      ratio: -1.5,
      names: ["a".repeat(300), "é"],
      ratios: Array.from({ length: 40 }, (_, i) => i / 3),
      flags: [true, false],
      raw: new Uint8Array(200),
      labels: { a: 1, "": -0 },
      inner: { id: 2 ** 45, name: "b".repeat(130) }
    }
    assert.deepStrictEqual(Buffer.from(succeeded(format.coder(schema).encode(value))), type.encode(value).finish())
  })

  it("carries schemas that hold themselves with no message of their own between", () => {
    interface Folder {
      readonly [name: string]: Folder
    }
    const Folder: Schema.Codec<Folder> = Schema.Record(
      Schema.String,
      Schema.suspend((): Schema.Codec<Folder> => Folder)
    )
    type Nest = ReadonlyArray<Nest | null>
    const Nest: Schema.Codec<Nest> = Schema.Array(Schema.NullOr(Schema.suspend((): Schema.Codec<Nest> => Nest)))
    type Term = string | ReadonlyArray<Term>
    const Term: Schema.Codec<Term> = Schema.Union([
      Schema.String,
      Schema.Array(Schema.suspend((): Schema.Codec<Term> => Term))
    ])
    const carried = <A>(schema: Schema.Codec<A>, value: A) =>
      assert.deepStrictEqual(
        succeeded(format.coder(schema).decode(succeeded(format.coder(schema).encode(value)))),
        value
      )
    carried(Folder, { usr: { bin: {}, lib: { node: {} } } })
    carried(Nest, [[], null, [[null], []]])
    carried(Term, ["a", ["b", []], "c"])
  })

  it("takes what is missing for zero, empty and false", () => {
    const schema = Schema.Struct({
      text: Schema.String,
      number: Schema.Number,
      big: Schema.BigInt,
      flag: Schema.Boolean,
      raw: Schema.Uint8Array,
      list: Schema.Array(Schema.Int),
      map: Schema.Record(Schema.String, Schema.Int)
    })
    const zero = { text: "", number: 0, big: 0n, flag: false, raw: new Uint8Array(0), list: [], map: {} }
    assert.deepStrictEqual(succeeded(format.coder(schema).decode(new Uint8Array(0))), zero)
    assert.strictEqual(succeeded(format.coder(schema).encode(zero)).length, 0)
  })

  it("refuses a message and a literal that are missing, and says which", () => {
    const coder = format.coder(Schema.Struct({ inner: Schema.Struct({ at: Schema.Date }) }))
    assert.include(failed(coder.decode(hex(""))).message, `at ["inner"]`)
    assert.include(failed(coder.decode(hex("0a 00"))).message, `at ["inner"]["at"]`)
    const flags = format.coder(shapes.Flags)
    assert.include(failed(flags.decode(hex(""))).message, `Expected "low" | "high", got nothing\n  at ["level"]`)
    assert.include(failed(format.coder(shapes.Union).decode(hex(""))).message, "Expected circle | square")
  })

  it("skips fields that it does not know, groups among them", () => {
    const unknown = "1a 03 61 62 63  20 7f  29 0000000000000000  35 00000000  3b 43 08 01 44 3c"
    assert.deepStrictEqual(succeeded(small.decode(hex(`${unknown} 08 01 ${unknown} 12 01 61`))), { id: 1, name: "a" })
  })

  it("reads numbers of a list one by one as well as packed", () => {
    const coder = format.coder(Schema.Array(Schema.Int))
    assert.deepStrictEqual(succeeded(coder.decode(hex("08 01 0a 02 02 03 08 04"))), [1, 2, 3, 4])
  })

  it("takes the last one of a scalar that is given twice, and refuses a message that is", () => {
    assert.deepStrictEqual(succeeded(small.decode(hex("08 01 08 02"))), { id: 2, name: "" })
    const coder = format.coder(Schema.Struct({ inner: shapes.Small }))
    assert.include(failed(coder.decode(hex("0a 00 0a 00"))).message, `given twice\n  at ["inner"]`)
  })

  it("reads any Uint8Array, a view into a larger one included, and keeps none of it", () => {
    const frame = Buffer.from(`....${Buffer.from(hex("0a 02 01 02")).toString("latin1")}....`, "latin1")
    const { raw } = succeeded(format.coder(shapes.Bytes).decode(frame.subarray(4, -4)))
    frame.fill(0)
    assert.deepStrictEqual(raw, new Uint8Array([1, 2]))
  })

  it("returns bytes that the next message does not overwrite", () => {
    const first = succeeded(small.encode({ id: 1, name: "first" }))
    const copy = Uint8Array.from(first)
    succeeded(small.encode({ id: 2, name: "other" }))
    assert.deepStrictEqual(Uint8Array.from(first), copy)
  })

  it("writes on after a message that failed midway", () => {
    const coder = format.coder(Schema.Array(Schema.Struct({ name: Schema.String })))
    failed(coder.encode([{ name: "a" }, { name: "\uD800" }]))
    assert.strictEqual(Buffer.from(succeeded(coder.encode([{ name: "a" }]))).toString("hex"), "0a030a0161")
  })

  it("says where a value breaks its schema, and where it breaks the format", () => {
    const coder = format.coder(shapes.Collections)
    const value = { list: [{ sku: "a", count: 1 }, { sku: "\uDC00", count: 1 }], labels: {} }
    assert.include(failed(coder.encode(value)).message, `at ["list"][1]["sku"]`)
    const labels = { ok: "a", bad: "\uD800" }
    assert.include(failed(coder.encode({ list: [], labels })).message, `at ["labels"]["bad"]`)
    const wrong = { list: [{ sku: "a", count: 0.5 }], labels: {} }
    assert.include(failed(coder.encode(wrong)).message, `at ["list"][0]["count"]`)
  })

  it.each([
    ["a wrong wire type", "0a 04 12 02 08 01 10 01", `Expected int64, got wire type 2`],
    ["a text that is not UTF-8", "0a 04 0a 02 c3 28", `not UTF-8\n  at ["list"][0]["sku"]`],
    ["a long text that is not UTF-8", `0a 22 0a 20 ${"61".repeat(30)} c328`, `not UTF-8\n  at ["list"][0]["sku"]`],
    ["a length that lies", "0a 04 0a 7f 61 61", `127 bytes goes beyond the end\n  at ["list"][0]["sku"]`],
    ["a length of 4 GiB", "0a ff ff ff ff 07", `goes beyond the end\n  at ["list"]`],
    ["an end in the middle", "0a 03 10 80", `goes beyond the end\n  at ["list"]`],
    ["a varint without an end", "0a 0c 10 ff ff ff ff ff ff ff ff ff ff 01", `broken`],
    ["an integer that no number holds", "0a 0a 10 ff ff ff ff ff ff ff ff 7f", `at ["list"][0]["count"]`],
    ["the field 0", "00 00", "field number 0"],
    ["a text that is not UTF-8, in a map", "12 07 0a 01 6b 12 02 c3 28", `at ["labels"]["k"]`]
  ])("refuses %s, and says where", (_, bytes, problem) => {
    const error = failed(format.coder(shapes.Collections).decode(hex(bytes)))
    assert.strictEqual(error.reason._tag, "DecodeFailed")
    assert.include(error.message, problem)
  })

  it("reads no number that the schema does not allow, whatever the wire can hold", () => {
    const json = format.coder(Schema.Json)
    assert.include(failed(json.decode(hex("11 000000000000f87f"))).message, "Expected a number of JSON, got NaN")
    const integer = format.coder(Schema.Struct({ a: Schema.Int.pipe(Protobuf.float) }))
    assert.include(failed(integer.decode(hex("0d 0000c03f"))).message, `at ["a"]`)
    const bounded = format.coder(Schema.Struct({ a: Schema.Int.check(Schema.isLessThan(3)) }))
    assert.include(failed(bounded.decode(hex("08 03"))).message, `at ["a"]`)
    const literal = format.coder(Schema.Struct({ a: Schema.NullOr(Schema.Literal(1)) }))
    assert.include(failed(literal.decode(hex("08 03"))).message, `at ["a"]`)
  })

  it("lets a property named __proto__ change no prototype", () => {
    const schema = Schema.Struct({
      map: Schema.Record(Schema.String, Schema.Json),
      json: Schema.Json,
      ["__proto__"]: Schema.Int
    })
    const evil = JSON.parse(`{ "map": { "__proto__": { "admin": true } }, "json": { "__proto__": { "admin": true } } }`)
    const value = Object.defineProperty(evil, "__proto__", { value: 1, enumerable: true })
    const decoded = succeeded(format.coder(schema).decode(succeeded(format.coder(schema).encode(value)))) as any
    for (const object of [decoded, decoded.map, decoded.json, {}]) assert.isUndefined(object.admin)
    assert.deepStrictEqual(Object.keys(decoded.map), ["__proto__"])
    assert.deepStrictEqual(Object.keys(decoded.json), ["__proto__"])
    assert.strictEqual(Object.getOwnPropertyDescriptor(decoded, "__proto__")?.value, 1)
  })

  it("refuses a value that is too long, in both directions", () => {
    const coder = ProtobufCodec.format({ maxBytes: 20 }).coder(Schema.String)
    const longest = "x".repeat(18)
    assert.strictEqual(succeeded(coder.decode(succeeded(coder.encode(longest)))), longest)
    assert.include(failed(coder.encode(`${longest}x`)).message, "21 bytes, 20 are allowed")
    assert.include(failed(coder.decode(new Uint8Array(21))).message, "21 bytes, 20 are allowed")
  })

  it("refuses nesting beyond the limit, in both directions, and nothing below it", () => {
    const nested = (depth: number): Tree => ({ label: "", branches: depth === 0 ? [] : [nested(depth - 1)] })
    const shallow = ProtobufCodec.format({ maxDepth: 3 }).coder(Tree)
    const deep = ProtobufCodec.format({ maxDepth: 4 }).coder(Tree)
    succeeded(shallow.decode(succeeded(shallow.encode(nested(3)))))
    assert.include(failed(shallow.encode(nested(4))).message, "nested too deep")
    assert.include(failed(shallow.decode(succeeded(deep.encode(nested(4))))).message, "nested too deep")
  })

  it("counts the levels of JSON as well", () => {
    const nested = (depth: number): Schema.Json => depth === 0 ? [] : [nested(depth - 1)]
    const coder = format.coder(Schema.Json)
    succeeded(coder.decode(succeeded(coder.encode(nested(48)))))
    assert.include(failed(coder.encode(nested(60))).message, "nested too deep")
    const deep = succeeded(ProtobufCodec.format({ maxDepth: 10_000 }).coder(Schema.Json).encode(nested(1000)))
    assert.include(failed(coder.decode(deep)).message, "nested too deep")
  })

  it("refuses nested messages and groups of any depth in linear time", () => {
    const coder = format.coder(Tree)
    const mebibytes = 4 * 1024 * 1024
    failed(coder.decode(new Uint8Array(mebibytes).fill(0x12)))
    failed(coder.decode(new Uint8Array(mebibytes).fill(0x1B)))
    failed(coder.decode(new Uint8Array(mebibytes).fill(0xFF)))
  })

  it("keeps to its bounds whoever made the schema: names are never code", () => {
    const name = "\"]; throw new Error(`${1}`) //\u2028"
    const schema = Schema.Struct({ [name]: Schema.String, "'": Schema.Literals(["\"", "\\"]) })
    const value = { [name]: "a", "'": "\\" as const }
    assert.deepStrictEqual(succeeded(format.coder(schema).decode(succeeded(format.coder(schema).encode(value)))), value)
  })

  it("goes by the content type that it is told", () => {
    assert.strictEqual(format.contentType, "application/protobuf")
    const other = ProtobufCodec.format({ contentType: "application/x-protobuf" })
    assert.strictEqual(other.contentType, "application/x-protobuf")
    assert.include(failed(other.coder(shapes.Small).decode(hex("08"))).message, "application/x-protobuf")
  })
})
