/** The laws of a codec's format, run against every one of them. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import type { CodecError, Format, Wire } from "../../src/Codec.ts"

/** A tree, to nest as deeply as one likes. */
export interface Tree {
  readonly label: string
  readonly branches: ReadonlyArray<Tree>
}

/** A tree, to nest as deeply as one likes. */
export const Tree: Schema.Codec<Tree> = Schema.Struct({
  label: Schema.String,
  branches: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

class Money extends Schema.Class<Money>("Money")({ amount: Schema.BigInt, currency: Schema.String }) {}

class OutOfStock extends Schema.TaggedError<OutOfStock>("OutOfStock")("OutOfStock", {
  sku: Schema.String,
  left: Schema.Int
}) {}

/** Shapes that cross wires, from a line of an order to a tree. */
export const shapes = {
  Small: Schema.Struct({ id: Schema.Int, name: Schema.String }),
  Numbers: Schema.Struct({ any: Schema.Number, whole: Schema.Int, big: Schema.BigInt }),
  Flags: Schema.Struct({ on: Schema.Boolean, level: Schema.Literals(["low", "high"]) }),
  Optional: Schema.Struct({
    may: Schema.optional(Schema.String),
    nullable: Schema.NullOr(Schema.Int),
    option: Schema.Option(Schema.String)
  }),
  Collections: Schema.Struct({
    list: Schema.Array(Schema.Struct({ sku: Schema.String, count: Schema.Int })),
    labels: Schema.Record(Schema.String, Schema.String)
  }),
  Time: Schema.Struct({ at: Schema.Date, took: Schema.Duration }),
  Bytes: Schema.Struct({ raw: Schema.Uint8Array }),
  Class: Money,
  Error: OutOfStock,
  Union: Schema.TaggedUnion({
    Circle: { radius: Schema.Finite },
    Square: { side: Schema.Finite, filled: Schema.Boolean }
  }),
  Tree
} satisfies Record<string, Wire>

/** Where a format is other than the rest. */
export interface Options {
  /** Shapes of the format's own, which have to obey the same laws. */
  readonly more?: Readonly<Record<string, Wire>>
  readonly except?: ReadonlyArray<keyof typeof shapes>
  /** Whether a value is one that the format may have no form for: it is carried whole, or refused. */
  readonly refuses?: (value: unknown) => boolean
  /** Whether a property that is there and `undefined` arrives as one that is missing. */
  readonly dropsUndefined?: boolean
}

/** Proves that a format carries values, and survives what is not one. */
export const codecSuite = (name: string, format: Format, options?: Options): void => {
  describe(`${name} is a format`, () => {
    it("has a content type in lower case, without parameters", () => {
      assert.match(format.contentType, /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/)
    })

    it("compiles a schema once", () => {
      assert.strictEqual(format.coder(shapes.Small), format.coder(shapes.Small))
    })

    it("carries nothing for a schema of nothing", () => {
      const coder = format.coder(Schema.Void)
      assert.isUndefined(succeeded(coder.decode(succeeded(coder.encode(undefined)))))
      assert.isUndefined(succeeded(coder.decode(new Uint8Array(0))))
    })

    const expressible = Object.entries<Wire>({ ...shapes, ...options?.more }).filter(([shape]) =>
      !options?.except?.includes(shape as keyof typeof shapes)
    )
    for (const [shape, schema] of expressible) {
      describe(shape, () => shapeLaws(format, schema, Math.ceil(inputs / expressible.length), options))
    }

    it("refuses a value that breaks its schema", () => {
      const wrong = { id: "one", name: 1 } as unknown as typeof shapes.Small.Type
      assert.strictEqual(failed(format.coder(shapes.Small).encode(wrong)).reason._tag, "EncodeFailed")
    })

    it("refuses or carries a value that is nested 10,000 levels deep, and lives", () => {
      let tree: Tree = { label: "leaf", branches: [] }
      for (let level = 0; level < 10_000; level++) tree = { label: "", branches: [tree] }
      const coder = format.coder(Tree)
      const encoded = coder.encode(tree)
      if (encoded._tag === "Success") assertSettles(coder.decode(encoded.value))
      else failed(encoded)
    })
  })
}

/** The value, of a coding that must succeed. */
export const succeeded = <A>(exit: Exit.Exit<A, CodecError>): A => {
  if (exit._tag === "Success") return exit.value
  throw new Error(`expected a success, not ${exit.cause}`)
}

/** The error, of a coding that must fail and not die. */
export const failed = (exit: Exit.Exit<unknown, CodecError>): CodecError => {
  if (exit._tag === "Success") throw new Error("expected a failure")
  const [reason, ...more] = exit.cause.reasons
  if (reason?._tag !== "Fail" || more.length > 0) throw new Error(`expected one failure, not ${exit.cause}`)
  return reason.error
}

// ---------------------------------------------------------------------------------------------------------------------

/** Inputs that each format's decoder is given in all; `FUZZ=10000000 vitest run Codec` gives it more. */
const inputs = Number(process.env["FUZZ"] ?? 100_000)

const shapeLaws = <S extends Wire>(
  format: Format,
  schema: S,
  garbageRuns: number,
  options: Options | undefined
): void => {
  const coder = format.coder(schema)
  const equivalence = Schema.toEquivalence(schema)
  const equals = (a: S["Type"], b: S["Type"]) =>
    equivalence(a, b) || options?.dropsUndefined === true && equivalence(withoutUndefined(a), withoutUndefined(b))
  const isValue = Schema.is(schema)
  const arbitrary = Arbitrary.schema(schema)
  const refuses = options?.refuses ?? (() => false)
  const sample = (count: number, seed: number) =>
    Effect.map(
      Arbitrary.sampleEffect(arbitrary, { count, seed }),
      (values) => values.filter((value) => !refuses(value)).map((value) => succeeded(coder.encode(value)))
    )

  it.effect("gives back what it was given", () =>
    Effect.gen(function*() {
      const result = yield* Arbitrary.checkEffect(arbitrary, (value) => {
        const encoded = coder.encode(value)
        if (refuses(value) && encoded._tag === "Failure") return failed(encoded).reason._tag === "EncodeFailed"
        const back = succeeded(coder.decode(succeeded(encoded)))
        return isValue(back) && equals(value, back)
      }, { runs: 300, seed: 1 })
      assert.isUndefined(Arbitrary.formatCheckFailure(result))
    }))

  it.effect(
    "fails on garbage and never dies, and whatever it reads is a value that it can write",
    () =>
      Effect.gen(function*() {
        const messages = yield* sample(50, 2)
        const result = yield* Arbitrary.checkEffect(garbage, (garbage) => {
          const decoded = coder.decode(garble(messages, garbage))
          if (decoded._tag === "Failure") return failed(decoded).reason._tag === "DecodeFailed"
          return isValue(decoded.value) && coder.encode(decoded.value)._tag === "Success"
        }, { runs: garbageRuns, seed: 3 })
        assert.isUndefined(Arbitrary.formatCheckFailure(result))
      }),
    60_000 + garbageRuns
  )

  it.effect("survives a message that ends too early, wherever it ends", () =>
    Effect.gen(function*() {
      for (const message of yield* sample(10, 4)) {
        for (let length = 0; length < message.length; length++) assertSettles(coder.decode(message.subarray(0, length)))
      }
    }))
}

/** The object without the properties that are `undefined`, which most programs cannot tell from missing ones. */
const withoutUndefined = <A>(value: A): A =>
  typeof value !== "object" || value === null
    ? value
    : Object.assign(
      Object.create(Object.getPrototypeOf(value)),
      Object.fromEntries(Object.entries(value).filter(([, property]) => property !== undefined))
    )

const assertSettles = (exit: Exit.Exit<unknown, CodecError>): void => {
  if (exit._tag === "Failure") failed(exit)
}

const upTo = (maximum: number) => Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })))

/** What is done to a message at one place of it. */
const edit = Arbitrary.all({
  deed: Arbitrary.schema(Schema.Literals(["set", "put", "cut", "copy"])),
  at: upTo(65_535),
  byte: upTo(255)
})

/** A message to start from, or none, and what becomes of it. */
const garbage = Arbitrary.all({
  from: upTo(59),
  edits: Arbitrary.array(edit, { minLength: 1, maxLength: 8 })
})

const garble = (
  messages: ReadonlyArray<Uint8Array>,
  { edits, from }: typeof garbage extends Arbitrary.Arbitrary<infer G> ? G : never
): Uint8Array => {
  // Without a message, the edits are all there is.
  const bytes = Array.from(messages[from] ?? edits.map(({ byte }) => byte))
  for (const { at, byte, deed } of edits) {
    const place = at % (bytes.length + 1)
    if (deed === "set") bytes[place] = byte
    else if (deed === "put") bytes.splice(place, 0, byte)
    else if (deed === "cut") bytes.splice(place, 1 + byte % 4)
    else bytes.splice(place, 0, ...bytes.slice(byte % (bytes.length + 1), byte % (bytes.length + 1) + 16))
  }
  return Uint8Array.from(bytes)
}
