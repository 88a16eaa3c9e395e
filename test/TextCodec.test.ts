import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import type { Wire } from "../src/Codec.ts"
import * as TextCodec from "../src/Layers/TextCodec.ts"
import { failed, succeeded } from "./suites/codec.ts"

const format = TextCodec.format({ maxBytes: 4096 })

const texts: Record<string, Wire> = {
  string: Schema.String,
  number: Schema.Number,
  whole: Schema.Int,
  big: Schema.BigInt,
  flag: Schema.Boolean,
  date: Schema.Date,
  level: Schema.Literals(["low", "high"])
}

describe("TextCodec", () => {
  it("carries a text as it is", () => {
    const coder = format.coder(Schema.String)
    assert.strictEqual(Buffer.from(succeeded(coder.encode("né\n"))).toString(), "né\n")
    assert.strictEqual(succeeded(coder.decode(Buffer.from(" né\n"))), " né\n")
    assert.strictEqual(succeeded(coder.decode(new Uint8Array(0))), "")
  })

  for (const [name, schema] of Object.entries(texts)) {
    it.effect(`gives back what it was given: ${name}`, () =>
      Effect.gen(function*() {
        const coder = format.coder(schema)
        const equals = Schema.toEquivalence(schema)
        const result = yield* Arbitrary.checkEffect(Arbitrary.schema(schema), (value) => {
          const encoded = coder.encode(value)
          // Half of a surrogate pair has no form.
          if (encoded._tag === "Failure") return typeof value === "string" && !value.isWellFormed()
          return equals(value, succeeded(coder.decode(encoded.value)))
        }, { runs: 300, seed: 1 })
        assert.isUndefined(Arbitrary.formatCheckFailure(result))
      }))
  }

  it("reads a number, and nothing that is none", () => {
    const coder = format.coder(Schema.Int)
    assert.strictEqual(succeeded(coder.decode(Buffer.from("5"))), 5)
    for (const text of ["", "5x", "five", "1e999"]) failed(coder.decode(Buffer.from(text)))
  })

  it("refuses bytes that are not UTF-8, and halves of characters", () => {
    const coder = format.coder(Schema.String)
    assert.include(failed(coder.decode(Uint8Array.of(0xC3, 0x28))).message, "UTF-8")
    assert.include(failed(coder.encode("\uD800")).message, "surrogate")
    assert.strictEqual(succeeded(coder.decode(succeeded(coder.encode("\uFFFD")))), "\uFFFD")
  })

  it("refuses what is too long, in both directions", () => {
    const coder = TextCodec.format({ maxBytes: 3 }).coder(Schema.String)
    assert.include(failed(coder.encode("éé")).message, "4 bytes, 3 are allowed")
    assert.include(failed(coder.decode(new Uint8Array(4))).message, "4 bytes, 3 are allowed")
  })

  it("carries nothing as an empty text", () => {
    const coder = format.coder(Schema.Void)
    assert.strictEqual(succeeded(coder.encode(undefined)).length, 0)
    assert.isUndefined(succeeded(coder.decode(new Uint8Array(0))))
    failed(coder.decode(Buffer.from("a")))
  })

  it("has no form for what is more than one value, and says so before there is a message", () => {
    const schemas = [
      Schema.Struct({ a: Schema.String }),
      Schema.Array(Schema.String),
      Schema.NullOr(Schema.String),
      Schema.Literals([1, "1"]),
      Schema.Uint8Array.pipe(Schema.Array),
      Schema.Never
    ]
    for (const schema of schemas) assert.throws(() => format.coder(schema as Wire), "only a single value")
  })
})
