import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Codec from "../src/Codec.ts"
import * as JsonCodec from "../src/Layers/JsonCodec.ts"

const json = JsonCodec.format()
const other: Codec.Format = { contentType: "application/x-other", coder: json.coder }

describe("Codec", () => {
  it("writes the first format and reads them all", () => {
    const codec = Codec.make(other, json)
    assert.strictEqual(codec.preferred, other)
    assert.strictEqual(codec.find("application/json"), json)
    assert.strictEqual(codec.find("application/x-other"), other)
  })

  it("ignores the case and the parameters of a content type", () => {
    const codec = Codec.make(json)
    assert.strictEqual(codec.find("Application/JSON; charset=utf-8"), json)
    assert.strictEqual(codec.find("application/json ;charset=utf-8"), json)
  })

  it("tells all content types, the preferred one first", () => {
    assert.deepStrictEqual(Codec.make(other, json).contentTypes, ["application/x-other", "application/json"])
  })

  it("ignores no charset but UTF-8 where the type is text", () => {
    const text: Codec.Format = { contentType: "text/plain", coder: json.coder }
    const codec = Codec.make(text, json)
    for (const charset of ["utf-8", "UTF8", "\"utf-8\"", "us-ascii"]) {
      assert.strictEqual(codec.find(`text/plain; format=flowed; charset=${charset}`), text)
    }
    assert.isUndefined(codec.find("text/plain; charset=iso-8859-1"))
    assert.strictEqual(codec.find("application/json; charset=iso-8859-1"), json)
  })

  it("knows no format of a content type that was not given", () => {
    const codec = Codec.make(json)
    for (const contentType of ["application/x-other", "", ";", "application/json2", "__proto__"]) {
      assert.isUndefined(codec.find(contentType))
    }
  })

  it.effect("is a layer of its formats", () =>
    Effect.gen(function*() {
      const codec = yield* Codec.Codec
      assert.strictEqual(codec.preferred, other)
    }).pipe(Effect.provide(Codec.layer(other, json))))
})
