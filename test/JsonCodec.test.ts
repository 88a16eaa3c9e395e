import { assert, describe, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import * as JsonCodec from "../src/Layers/JsonCodec.ts"
import { codecSuite, failed, shapes, succeeded, Tree } from "./suites/codec.ts"

const format = JsonCodec.format()

codecSuite("JsonCodec", format)
codecSuite("JsonCodec between two of this library", format.direct!)

const small = format.coder(shapes.Small)

describe("JsonCodec", () => {
  it("writes JSON that any other program can read", () => {
    assert.strictEqual(text(succeeded(small.encode({ id: 1, name: "pen" }))), `{"id":1,"name":"pen"}`)
  })

  it("writes numbers that JSON lacks as strings", () => {
    const coder = format.coder(Schema.Array(Schema.Number))
    const values = [Number.NaN, Infinity, -Infinity, 1.5]
    const bytes = succeeded(coder.encode(values))
    assert.strictEqual(text(bytes), `["NaN","Infinity","-Infinity",1.5]`)
    assert.deepStrictEqual(succeeded(coder.decode(bytes)), values)
  })

  it("keeps to itself what the schema does not name", () => {
    const user = { id: 1, name: "ada", password: "secret" }
    assert.strictEqual(text(succeeded(small.encode(user))), `{"id":1,"name":"ada"}`)
    assert.deepStrictEqual(succeeded(small.decode(bytes(JSON.stringify(user)))), { id: 1, name: "ada" })
  })

  it("accepts white space around a message, such as the line feed that Go adds", () => {
    assert.deepStrictEqual(succeeded(small.decode(bytes(` {"id":1,"name":"pen"}\r\n`))), { id: 1, name: "pen" })
  })

  it("reads any Uint8Array, a view into a larger one included", () => {
    const frame = new TextEncoder().encode(`....{"id":1,"name":"é"}....`)
    assert.deepStrictEqual(succeeded(small.decode(frame.subarray(4, -4))), { id: 1, name: "é" })
  })

  it("writes nothing for Void, and reads what peers write instead", () => {
    const coder = format.coder(Schema.Void)
    assert.strictEqual(succeeded(coder.encode(undefined)).length, 0)
    for (const body of ["", "\n", "null", "{}", " {}\n"]) assert.isUndefined(succeeded(coder.decode(bytes(body))))
    for (const body of ["1", "[]", `{"id":1}`, "{"]) failed(coder.decode(bytes(body)))
  })

  it("takes no empty body for a value", () => {
    assert.strictEqual(failed(small.decode(new Uint8Array(0))).reason._tag, "DecodeFailed")
  })

  it("says where a message breaks the schema", () => {
    assert.include(failed(small.decode(bytes(`{"id":1,"name":2}`))).message, `["name"]`)
  })

  it("says no more than a caller can bear", () => {
    const coder = format.coder(Schema.Literal("a"))
    assert.isBelow(failed(coder.decode(bytes(JSON.stringify("b".repeat(100_000))))).message.length, 2000)
  })

  it("refuses bytes that are not UTF-8", () => {
    const invalid = Buffer.concat([bytes(`{"id":1,"name":"`), Buffer.from([0xC3, 0x28]), bytes(`"}`)])
    assert.include(failed(small.decode(invalid)).message, "UTF-8")
    const surrogate = Buffer.concat([bytes(`{"id":1,"name":"`), Buffer.from([0xED, 0xA0, 0x80]), bytes(`"}`)])
    assert.include(failed(small.decode(surrogate)).message, "UTF-8")
  })

  it("carries the replacement character, which is also what a lax reader makes of invalid bytes", () => {
    const value = { id: 1, name: "\uFFFD" }
    assert.deepStrictEqual(succeeded(small.decode(succeeded(small.encode(value)))), value)
  })

  it("lets no name of a property change a prototype, of structs, records and unknown values", () => {
    const Names = Schema.Struct({ ["__proto__"]: Schema.Number, constructor: Schema.String })
    const schemas = [
      Schema.Record(Schema.String, Schema.Unknown),
      Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Unknown)),
      Schema.Unknown,
      Schema.Any
    ]
    for (const name of ["__proto__", "constructor", "prototype", "toString"]) {
      const evil = bytes(`{"${name}":{"id":1,"name":"evil","admin":true}}`)
      failed(small.decode(evil))
      for (const schema of schemas) {
        const decoded = succeeded(format.coder(schema as Schema.Codec<any>).decode(evil))
        assert.isUndefined(decoded["admin"])
        assert.deepStrictEqual(Object.keys(decoded), [name])
        assert.strictEqual(text(succeeded(format.coder(schema as Schema.Codec<any>).encode(decoded))), text(evil))
      }
    }
    const names = bytes(`{"__proto__":1,"constructor":"c"}`)
    const decoded = succeeded(format.coder(Names).decode(names))
    assert.strictEqual(Object.getPrototypeOf(decoded), Object.prototype)
    assert.strictEqual(text(succeeded(format.coder(Names).encode(decoded))), text(names))
    failed(format.coder(Names).decode(bytes(`{"__proto__":{"constructor":"c"}}`)))
    assert.isUndefined(({} as Record<string, unknown>)["admin"])
  })

  it("takes the last of two properties with one name", () => {
    const twice = bytes(`{"id":1,"id":2,"name":"a","name":"b"}`)
    assert.deepStrictEqual(succeeded(small.decode(twice)), { id: 2, name: "b" })
  })

  it("carries half of a surrogate pair as its escape", () => {
    const coder = format.coder(Schema.String)
    const half = succeeded(coder.encode("\uD800"))
    assert.strictEqual(text(half), String.raw`"\ud800"`)
    assert.strictEqual(succeeded(coder.decode(half)), "\uD800")
  })

  it("writes minus zero as zero", () => {
    assert.strictEqual(text(succeeded(format.coder(Schema.Number).encode(-0))), "0")
  })

  it("reads no number that is too large to be one", () => {
    for (const schema of [Schema.Number, Schema.Finite, Schema.Int]) failed(format.coder(schema).decode(bytes("1e999")))
  })

  it("writes what the schema is encoded as: branded, transformed, tagged, a class", () => {
    class User extends Schema.Class<User>("User")({
      id: Schema.String.pipe(Schema.brand("UserId")),
      since: Schema.Date,
      age: Schema.NumberFromString,
      nick: Schema.Option(Schema.String)
    }) {}
    const coder = format.coder(User)
    const user = new User({
      id: "u1" as typeof User.fields.id.Type,
      since: new Date(0),
      age: 7,
      nick: Option.some("u")
    })
    const written = succeeded(coder.encode(user))
    assert.strictEqual(
      text(written),
      `{"id":"u1","since":"1970-01-01T00:00:00.000Z","age":"7","nick":{"_tag":"Some","value":"u"}}`
    )
    const read = succeeded(coder.decode(written))
    assert.instanceOf(read, User)
    assert.deepStrictEqual(read, user)
  })

  it("keeps no stack of a refusal", () => {
    assert.notInclude(failed(small.decode(bytes("{}"))).stack, "    at ")
    assert.include(new Error("later").stack, "    at ")
  })

  it("refuses a value that is too long, in both directions", () => {
    const coder = JsonCodec.format({ maxBytes: 20 }).coder(Schema.String)
    const longest = "x".repeat(18)
    assert.strictEqual(succeeded(coder.decode(succeeded(coder.encode(longest)))), longest)
    assert.include(failed(coder.encode(`${longest}x`)).message, "21 bytes, 20 are allowed")
    assert.include(failed(coder.decode(bytes(`"${longest}x"`))).message, "21 bytes, 20 are allowed")
  })

  it("refuses nesting beyond the limit, and nothing below it", () => {
    const coder = JsonCodec.format({ maxDepth: 8 }).coder(Schema.Unknown)
    const nested = (depth: number) => bytes("[".repeat(depth) + "]".repeat(depth))
    succeeded(coder.decode(nested(8)))
    assert.include(failed(coder.decode(nested(9))).message, "more than 8 levels")
    succeeded(coder.decode(bytes(`[${"[],".repeat(100)}{}]`)))
  })

  it("counts no bracket that stands in a string", () => {
    const coder = JsonCodec.format({ maxDepth: 2 }).coder(Schema.Array(Schema.String))
    for (const value of ["[[[[[[", "\"[[[[[", "\\", "\\\"[[[[[", "x".repeat(100) + "\"[[[[[", "[".repeat(100)]) {
      assert.deepStrictEqual(succeeded(coder.decode(succeeded(coder.encode([value, value])))), [value, value])
    }
  })

  it("reads hostile nesting, quotes and backslashes in linear time", () => {
    const coder = format.coder(Tree)
    const half = 4 * 1024 * 1024
    const hostile = [
      "[".repeat(half),
      "{\"a\":".repeat(half / 5),
      "\"\\\"".repeat(half / 3),
      `"${"\\".repeat(half)}"`,
      "\"".repeat(half)
    ]
    for (const body of hostile) failed(coder.decode(bytes(body)))
  })

  it("refuses a value that contains itself", () => {
    const branches: Array<Tree> = []
    const tree: Tree = { label: "ring", branches }
    branches.push(tree)
    assert.strictEqual(failed(format.coder(Tree).encode(tree)).reason._tag, "EncodeFailed")
  })

  it("refuses what an unchecked value hides from JSON", () => {
    const coder = format.coder(Schema.Any)
    for (const value of [1n, undefined, () => 1, { toJSON: () => assert.fail("broken") }]) failed(coder.encode(value))
  })
})

const bytes = (body: string): Uint8Array => Buffer.from(body)

const text = (body: Uint8Array): string => Buffer.from(body).toString()
