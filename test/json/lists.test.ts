import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import * as Batches from "../../src/internal/codec/batches.ts"
import * as JsonCodec from "../../src/Layers/JsonCodec.ts"

const batchesOf = (schema: Schema.Codec<any, any>, options?: JsonCodec.Options): Batches.Batches => {
  const batches = Batches.of(JsonCodec.format(options).direct!.coder(schema))
  assert.isDefined(batches)
  return batches
}

const list = (json: string) => Buffer.from(`\u0001${json}`)

describe("a message that holds several of JSON", () => {
  const Item = Schema.Struct({ id: Schema.Int, at: Schema.Date })
  const items = Array.from({ length: 5 }, (_, id) => ({ id, at: new Date(id) }))

  it("is their array behind a byte that no JSON begins with", () => {
    const bytes = batchesOf(Schema.Int).encode([1, 2, 3, 4], 1, 3)
    assert.strictEqual(Buffer.from(bytes!).toString(), "\u0001[2,3]")
    assert.isTrue(batchesOf(Schema.Int).isBatch(bytes!))
    assert.isFalse(batchesOf(Schema.Int).isBatch(Buffer.from("[2,3]")))
  })

  it("is read behind what was there before", () => {
    const batches = batchesOf(Item)
    const values: Array<unknown> = [items[0]]
    assert.isUndefined(batches.decode(batches.encode(items, 1, 5)!, values))
    assert.deepStrictEqual(values, items)
  })

  it.effect("tells which of them cannot be read, behind those before it", () =>
    Effect.gen(function*() {
      const values: Array<unknown> = []
      const failed = batchesOf(Schema.Int).decode(list(`[1,2,"three",4]`), values)
      assert.deepStrictEqual(values, [1, 2])
      const alone = JsonCodec.format().direct!.coder(Schema.Int).decode(Buffer.from(`"three"`))
      assert.deepStrictEqual(yield* Effect.flip(failed!), yield* Effect.flip(alone))
    }))

  for (
    const [what, text] of [["no list", "{}"], ["no JSON", "[1,"], ["nested too deeply", "[[[[1]]]]"]] as const
  ) {
    it(`is refused where it is ${what}`, () => {
      const failed = batchesOf(Schema.Any, { maxDepth: 2 }).decode(list(text), [])
      assert.isTrue(failed !== undefined && Exit.isFailure(failed))
    })
  }

  it("is refused where it is longer than a message may be, and not written", () => {
    const batches = batchesOf(Schema.Int, { maxBytes: 8 })
    assert.isUndefined(batches.encode([1000, 2000], 0, 2))
    assert.isDefined(batches.decode(list("[1000,2000]"), []))
  })

  const alone: ReadonlyArray<readonly [what: string, schema: Schema.Codec<any, any>, value: unknown]> = [
    ["breaks its schema", Schema.Int, "one"],
    ["holds bytes", Schema.Struct({ raw: Schema.Uint8Array }), { raw: new Uint8Array(2) }],
    ["holds a long text", Schema.String, "long".repeat(2000)],
    ["has no form in JSON", Schema.Any, undefined],
    ["may turn out to have no form in JSON", Schema.Any, { toJSON: () => undefined }],
    ["makes JSON throw", Schema.Any, { big: 1n }]
  ]
  for (const [what, schema, value] of alone) {
    it(`is none where one of them ${what}`, () => {
      assert.isUndefined(batchesOf(schema).encode([value, value], 0, 2))
    })
  }
})
