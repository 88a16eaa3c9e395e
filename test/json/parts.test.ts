import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import { isDeepStrictEqual } from "node:util"
import * as Parts from "../../src/internal/json/parts.ts"
import * as JsonCodec from "../../src/Layers/JsonCodec.ts"
import { failed, succeeded } from "../suites/codec.ts"

const long = "äöü€ ".repeat(2000)
const half = `${"a".repeat(5000)}\uD800`

describe("JSON with parts beside it", () => {
  it("is plain JSON where nothing is long", () => {
    assert.strictEqual(Buffer.from(Parts.write({ id: 1, tags: ["a"] })).toString(), `{"id":1,"tags":["a"]}`)
  })

  it("carries long texts and bytes as they are, wherever they stand", () => {
    const values = [
      long,
      { text: long, nested: [{ raw: Uint8Array.of(1, 2, 3) }, long] },
      [null, long, null],
      { "": long, "__proto__x": { raw: new Uint8Array(0) } },
      JSON.parse(`{"__proto__":"${"x".repeat(5000)}","a":null}`)
    ]
    for (const value of values) {
      const bytes = Parts.write(value)
      assert.strictEqual(bytes[0], 0)
      assert.isTrue(isDeepStrictEqual(Parts.read(bytes, 512), value))
    }
  })

  it("writes a long text once, and escapes nothing of it", () => {
    const text = `"\\\n`.repeat(3000)
    assert.isBelow(Parts.write({ text }).length, text.length + 64)
  })

  it("leaves a text that has no UTF-8 inside the JSON", () => {
    assert.deepStrictEqual(Parts.read(Parts.write({ half, long }), 512), { half, long })
  })

  it("leaves the value that it writes as it was", () => {
    const value = { text: long, list: [long] }
    Parts.write(value)
    assert.deepStrictEqual(value, { text: long, list: [long] })
  })

  it("refuses outlines that lie", () => {
    const lies: ReadonlyArray<readonly [rest: unknown, parts: unknown, tail: number]> = [
      [null, [[[], 0, 5]], 4],
      [null, [[[], 0, 3]], 4],
      [null, [[[], 0, -1]], 0],
      [null, [[[], 0, 1.5]], 2],
      [null, [[[], 2, 1]], 1],
      [1, [[[], 0, 1]], 1],
      [{ a: 1 }, [[["a"], 0, 1]], 1],
      [{}, [[["a"], 0, 1]], 1],
      [{}, [[["__proto__", "polluted"], 0, 1]], 1],
      [[], [[["constructor"], 0, 1]], 1],
      [null, [[[], 0, 1], [[], 0, 1]], 2],
      [null, [{}], 0],
      [null, {}, 0]
    ]
    for (const [rest, parts, tail] of lies) {
      assert.throws(() => Parts.read(message([rest, parts], Buffer.alloc(tail, 97)), 512))
    }
    assert.throws(() => Parts.read(Uint8Array.of(0), 512))
    assert.throws(() => Parts.read(Uint8Array.of(0, 255, 255, 255, 255, 1), 512))
    assert.notProperty(Object.prototype, "polluted")
  })

  it("refuses a part that is no text where a text must be", () => {
    assert.throws(() => Parts.read(message([null, [[[], 0, 2]]], Buffer.from([0xC3, 0x28])), 512))
    const coder = JsonCodec.format().direct!.coder(Schema.Struct({ text: Schema.String }))
    const bytes = message([{ text: null }, [[["text"], 1, 1]]], Buffer.from("a"))
    assert.strictEqual(failed(coder.decode(bytes)).reason._tag, "DecodeFailed")
  })

  it("refuses what is nested more deeply than allowed, outside of parts and on the way to them", () => {
    const deep = (levels: number): unknown => levels === 0 ? long : [deep(levels - 1)]
    assert.doesNotThrow(() => Parts.read(Parts.write(deep(10)), 10))
    assert.throws(() => Parts.read(Parts.write(deep(2000)), 512))
  })

  it("survives any change of its bytes", () => {
    const coder = JsonCodec.format().direct!.coder(Schema.Struct({ text: Schema.String, raw: Schema.Uint8Array }))
    const whole = Buffer.from(succeeded(coder.encode({ text: long, raw: new Uint8Array(100) })))
    const head = 5 + whole.readUInt32BE(1)
    for (let at = 0; at < head; at++) {
      for (const change of [1, 7, 64, 128, 255]) {
        const bytes = Buffer.from(whole)
        bytes[at] = (bytes[at]! + change) & 255
        const exit = coder.decode(bytes)
        if (exit._tag === "Failure") assert.strictEqual(failed(exit).reason._tag, "DecodeFailed")
      }
    }
  })
})

// ---------------------------------------------------------------------------------------------------------------------

const message = (outline: unknown, tail: Buffer): Buffer => {
  const text = Buffer.from(JSON.stringify(outline))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(text.length, 1)
  return Buffer.concat([head, text, tail])
}
