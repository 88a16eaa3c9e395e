import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Packr } from "msgpackr"
import { Buffer } from "node:buffer"
import * as MsgpackCodec from "../src/Layers/MsgpackCodec.ts"
import { codecSuite, failed, shapes, succeeded, Tree } from "./suites/codec.ts"

/** What the package would change. */
const refuses = (value: unknown): boolean =>
  typeof value === "string"
    ? !value.isWellFormed()
    : typeof value === "object" && value !== null
      && Object.entries(value).some(([name, inner]) => name === "__proto__" || refuses(name) || refuses(inner))

const format = MsgpackCodec.format()

codecSuite("MsgpackCodec", format, { refuses })

const small = format.coder(shapes.Small)
const anything = format.coder(Schema.Unknown)

describe("MsgpackCodec", () => {
  it("writes what any other program reads", () => {
    const bytes = succeeded(small.encode({ id: 1, name: "pen" }))
    assert.deepStrictEqual(Buffer.from(bytes).toString("latin1"), "\x82\xa2id\x01\xa4name\xa3pen")
  })

  it("reads every width that others write", () => {
    const coder = format.coder(Schema.Array(Schema.Number))
    const numbers =
      "\x97\x01\xff\xcc\x80\xcd\x01\x00\xd3\x00\x00\x00\x01\x00\x00\x00\x00\xca\x3f\x80\x00\x00\xd1\xff\x00"
    assert.deepStrictEqual(succeeded(coder.decode(latin(numbers))), [1, -1, 128, 256, 2 ** 32, 1, -256])
    assert.strictEqual(succeeded(format.coder(Schema.String).decode(latin("\xdb\0\0\0\x01a"))), "a")
  })

  it("keeps bytes what they are, at any depth", () => {
    class Blob extends Schema.Class<Blob>("Blob")({ raw: Schema.Uint8Array }) {}
    const Nested = Schema.Struct({
      list: Schema.Array(Blob),
      may: Schema.optional(Schema.Uint8Array),
      by: Schema.Record(Schema.String, Schema.NullOr(Schema.Uint8Array)),
      hex: Schema.Uint8ArrayFromHex
    })
    const coder = format.coder(Nested)
    const raw = Uint8Array.of(0, 255)
    const value = { list: [new Blob({ raw })], may: raw, by: { a: raw, b: null }, hex: raw }
    const bytes = succeeded(coder.encode(value))
    const plain = new Packr({ useRecords: false }).unpack(bytes)
    assert.deepStrictEqual(new Uint8Array(plain.list[0].raw), raw)
    assert.strictEqual(plain.hex, "00ff")
    const back = succeeded(coder.decode(bytes))
    assert.instanceOf(back.list[0], Blob)
    assert.isTrue(Schema.toEquivalence(Nested)(back, value))
  })

  it("refuses lengths that lie, without making room for them", () => {
    for (const head of ["\xdd", "\xdf", "\xc6", "\xdb"]) {
      assert.include(failed(anything.decode(latin(`${head}\xff\xff\xff\xff`))).message, "ends before")
      assert.include(failed(anything.decode(latin(`\x92${head}\x7f\xff\xff\xff\x01`))).message, "ends before")
    }
  })

  it("refuses nesting beyond the limit, and nothing below it", () => {
    const coder = MsgpackCodec.format({ maxDepth: 8 }).coder(Schema.Unknown)
    succeeded(coder.decode(latin(`${"\x91".repeat(8)}\x01`)))
    assert.include(failed(coder.decode(latin(`${"\x91".repeat(9)}\x01`))).message, "more than 8 levels")
    assert.include(failed(format.coder(Tree).decode(latin("\x91".repeat(1_000_000)))).message, "levels deep")
  })

  it("refuses extensions, keys that are no text, and what is left over", () => {
    for (const body of ["\xd4\x72\x40", "\xd6\xff\0\0\0\0", "\xc7\0\x01", "\xc1", "\x81\x01\x01", "\x01\x01", ""]) {
      failed(anything.decode(latin(body)))
    }
  })

  it("refuses the key __proto__, and takes other names for names", () => {
    const pack = (value: unknown) => new Packr({ useRecords: false }).pack(value)
    assert.include(failed(anything.decode(pack(JSON.parse(`{"a":{"__proto__":{"admin":1}}}`)))).message, "__proto__")
    failed(anything.encode(JSON.parse(`[{"__proto__":1}]`)))
    succeeded(anything.encode("__proto__"))
    const names = { constructor: 1, a__proto__: 2, toString: 3 }
    assert.deepStrictEqual(succeeded(anything.decode(pack(names))), names)
  })

  it("refuses text that is not UTF-8, and halves of characters", () => {
    assert.include(failed(anything.decode(latin("\xa2\xc3\x28"))).message, "UTF-8")
    for (const value of ["\uD800", ["\uD800"], { "\uDC00": 1 }]) {
      assert.include(failed(anything.encode(value)).message, "surrogate")
    }
    assert.strictEqual(succeeded(anything.decode(succeeded(anything.encode("\uFFFD")))), "\uFFFD")
  })

  it("refuses what is too long, in both directions", () => {
    const coder = MsgpackCodec.format({ maxBytes: 4 }).coder(Schema.String)
    assert.strictEqual(succeeded(coder.decode(succeeded(coder.encode("abc")))), "abc")
    assert.include(failed(coder.encode("abcd")).message, "5 bytes, 4 are allowed")
    assert.include(failed(coder.decode(new Uint8Array(5))).message, "5 bytes, 4 are allowed")
  })
})

const latin = (text: string): Uint8Array => Buffer.from(text, "latin1")
