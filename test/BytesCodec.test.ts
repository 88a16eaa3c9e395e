import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as BytesCodec from "../src/Layers/BytesCodec.ts"
import { failed, succeeded } from "./suites/codec.ts"

const format = BytesCodec.format({ maxBytes: 8 })

describe("BytesCodec", () => {
  it("carries bytes as they are, without a copy", () => {
    const coder = format.coder(Schema.Uint8Array)
    const bytes = Uint8Array.of(0, 255, 128)
    assert.strictEqual(succeeded(coder.encode(bytes)), bytes)
    assert.strictEqual(succeeded(coder.decode(bytes)), bytes)
    assert.strictEqual(coder, format.coder(Schema.Uint8Array))
  })

  it("carries what a schema makes of bytes, and checks it", () => {
    const short = Schema.Uint8Array.check(Schema.makeFilter((bytes) => bytes.length < 3)).pipe(Schema.brand("Short"))
    const coder = format.coder(short)
    succeeded(coder.decode(new Uint8Array(2)))
    assert.strictEqual(failed(coder.decode(new Uint8Array(3))).reason._tag, "DecodeFailed")
    assert.strictEqual(failed(coder.encode("ab" as never)).reason._tag, "EncodeFailed")
  })

  it("carries nothing as no bytes, and no bytes as nothing", () => {
    const coder = format.coder(Schema.Void)
    assert.strictEqual(succeeded(coder.encode(undefined)).length, 0)
    assert.isUndefined(succeeded(coder.decode(new Uint8Array(0))))
    assert.strictEqual(failed(coder.decode(new Uint8Array(1))).reason._tag, "DecodeFailed")
  })

  it("refuses what is too long, in both directions", () => {
    const coder = format.coder(Schema.Uint8Array)
    assert.include(failed(coder.encode(new Uint8Array(9))).message, "9 bytes, 8 are allowed")
    assert.include(failed(coder.decode(new Uint8Array(9))).message, "9 bytes, 8 are allowed")
  })

  it("has no form for anything else, and says so before there is a message", () => {
    for (const schema of [Schema.String, Schema.Struct({ raw: Schema.Uint8Array }), Schema.Never, Schema.Unknown]) {
      assert.throws(() => format.coder(schema as Schema.Codec<any>), "only a Uint8Array")
    }
  })
})
