import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import type { NoSuchElementError } from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import type { Wire } from "../../src/Codec.ts"
import * as Shortcut from "../../src/internal/json/shortcut.ts"

const { Number: N, String: S } = Schema
const A = Schema.Struct({ a: N, b: Schema.optional(S) })

/** Schemas that the shortcut takes. */
const short: Record<string, Wire> = {
  number: N,
  even: N.check(Schema.isMultipleOf(2)),
  struct: Schema.Struct({ id: N, name: S, on: Schema.Boolean, kind: Schema.Literals(["x", "y", 1]) }),
  proto: Schema.Struct({ ["__proto__"]: N, constructor: S }),
  keys: Schema.Struct({ may: Schema.optionalKey(N), might: Schema.optional(N), null: Schema.NullOr(N) }),
  list: Schema.Array(Schema.Struct({ sku: S, count: N })),
  tuple: Schema.Tuple([N, S, Schema.optionalKey(N)]),
  record: Schema.Record(S, N),
  both: Schema.StructWithRest(Schema.Struct({ a: N }), [Schema.Record(S, N)]),
  tagged: Schema.TaggedUnion({ A: { a: N }, B: { a: Schema.optional(S) } }),
  numbered: Schema.Union([
    Schema.Struct({ v: Schema.Literal(1), n: N }),
    Schema.Struct({ v: Schema.Literal(2), n: S })
  ]),
  kinds: Schema.Union([N, A, Schema.Array(N), Schema.Boolean, Schema.Null]),
  nested: Schema.Struct({ maybe: Schema.optional(A), checked: A.check(Schema.makeFilter((a) => a.a !== 3)) })
}

/** Schemas for which it would be wrong, or has no certainty. */
const long: Record<string, Wire> = {
  text: Schema.Union([N, S]),
  nan: Schema.Union([N, Schema.Literal("NaN")]),
  structs: Schema.Union([A, Schema.Struct({ b: S })]),
  sameTag: Schema.Union([Schema.Struct({ v: Schema.Literal(1), n: N }), Schema.Struct({ v: Schema.Literal(1), n: S })]),
  maybeTag: Schema.Union([
    Schema.Struct({ v: Schema.optionalKey(Schema.Literal(1)), n: N }),
    Schema.Struct({ v: Schema.optionalKey(Schema.Literal(2)), n: S })
  ]),
  nullish: Schema.NullishOr(S),
  bare: Schema.Union([N, Schema.Struct({})]),
  date: Schema.Struct({ at: Schema.Date, n: N }),
  fromText: Schema.Struct({ n: Schema.NumberFromString }),
  big: Schema.Struct({ big: Schema.BigInt, n: N })
}

describe("a shortcut", () => {
  it.each(Object.keys(long))("is not taken where another member could take the place: %s", (name) => {
    assert.isUndefined(Shortcut.make(Schema.toCodecJson(long[name])))
  })

  it("is not made where the codec has nothing to be spared", () => {
    assert.isUndefined(Shortcut.make(Schema.toCodecJson(Schema.Struct({ id: Schema.Int, name: S }))))
  })

  for (const [name, schema] of Object.entries(short)) {
    it.effect(`leads where the long way leads: ${name}`, () => agrees(schema).pipe(Random.withSeed(name)))
  }
})

// ---------------------------------------------------------------------------------------------------------------------

/** That what the shortcut accepts, of values like those of the schema, it makes the same of. */
const agrees = Effect.fnUntraced(function*(schema: Wire) {
  const codec = Schema.toCodecJson(schema)
  const shortcut = Shortcut.make(codec)
  if (shortcut === undefined) return assert.fail("no shortcut")
  const quick = SchemaParser.decodeUnknownExit(shortcut)
  const directions = [SchemaParser.encodeUnknownExit(codec), SchemaParser.decodeUnknownExit(codec)]
  const values = yield* Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 200, seed: 1 })
  let taken = 0
  for (let run = 0; run < 4000; run++) {
    const value = yield* changed(yield* Random.choice(values))
    const exit = quick(value)
    if (exit._tag === "Failure") continue
    taken++
    for (const long of directions) assert.deepStrictEqual(long(value), Exit.succeed(exit.value))
  }
  assert.isAbove(taken, 100)
})

const strangers = [Number.NaN, Infinity, -Infinity, -0, "NaN", "Infinity", "", null, undefined, 3, true, [], {}]

/** The value, with a stranger here and there. */
const changed = (value: unknown): Effect.Effect<unknown, NoSuchElementError> =>
  Effect.gen(function*() {
    if ((yield* Random.nextIntBetween(0, 16)) === 0) return yield* Random.choice(strangers)
    if (Array.isArray(value)) return yield* Effect.forEach(value, changed)
    if (typeof value !== "object" || value === null) return value
    const entries = yield* Effect.forEach(Object.entries(value), ([key, inner]) =>
      Effect.map(changed(inner), (inner) => [key, inner] as const))
    return Object.fromEntries((yield* Random.nextBoolean) ? entries : [...entries, ["extra", 1]])
  })
