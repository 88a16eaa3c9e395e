/**
 * What a schema says to Protocol Buffers, and what they say of it: numbers and types of fields, `.proto` files, and
 * whether two versions of a contract understand each other.
 *
 * None of it loads a codec: a contract can say what it likes here, and be spoken in JSON. `docs/protobuf.md` has the
 * table of what becomes what.
 */
import * as Schema from "effect/Schema"
import type { Wire } from "./Codec.ts"
import type * as Contract from "./Contract.ts"
import * as Annotation from "./internal/protobuf/annotation.ts"
import * as Binding from "./internal/protobuf/binding.ts"
import * as Comparison from "./internal/protobuf/comparison.ts"
import { makeFile, toRoot } from "./internal/protobuf/mapping.ts"
import type { Scalar } from "./internal/protobuf/model.ts"
import * as Outline from "./internal/protobuf/outline.ts"
import * as Printing from "./internal/protobuf/printing.ts"

/**
 * Gives a field, or a member of a union, its number on the wire. Fields without one take those that are left, in the
 * order of declaration.
 *
 * **Gotchas**
 *
 * A number belongs to its field for good: one that is used again for something else is misread by older readers.
 *
 * **Example** (A field that took the place of another)
 *
 * ```ts
 * import * as Schema from "effect/Schema"
 * import * as Protobuf from "effect-micro/Protobuf"
 *
 * export const Line = Schema.Struct({
 *   sku: Schema.String.pipe(Protobuf.field(1)),
 *   // 2 was a count of boxes.
 *   count: Schema.Int.pipe(Protobuf.uint32, Protobuf.field(3))
 * })
 * ```
 */
export const field = (number: number) => <S extends Schema.Top>(schema: S): S["Rebuild"] =>
  schema.annotateKey({ [Annotation.fieldKey]: number })

/** A schema of numbers, or of bigints. */
export type Numeric = Schema.Top & { readonly Type: number | bigint }

const as = (scalar: Scalar) => <S extends Numeric>(schema: S): S["Rebuild"] =>
  schema.annotate({ [Annotation.scalarKey]: scalar })

/** Writes a number as `int32`. One that does not fit is refused, here and in all of these. */
export const int32 = as("int32")
/** Writes an integer as `int64`, which integers without bounds are anyway. */
export const int64 = as("int64")
/** Writes a positive integer as `uint32`. */
export const uint32 = as("uint32")
/** Writes a positive integer as `uint64`. */
export const uint64 = as("uint64")
/** Writes an integer as `sint32`: short where it is near zero, on either side. */
export const sint32 = as("sint32")
/** Writes an integer as `sint64`: short where it is near zero, on either side. */
export const sint64 = as("sint64")
/** Writes a positive integer as `fixed32`: always 4 bytes, for what is mostly large. */
export const fixed32 = as("fixed32")
/** Writes a positive integer as `fixed64`: always 8 bytes, for what is mostly large. */
export const fixed64 = as("fixed64")
/** Writes an integer as `sfixed32`: always 4 bytes. */
export const sfixed32 = as("sfixed32")
/** Writes an integer as `sfixed64`: always 8 bytes. */
export const sfixed64 = as("sfixed64")
/** Writes a number as `float`, which keeps 7 digits of it. */
export const float = as("float")

/** A contract of any methods. */
export type AnyContract = Contract.Definition<Contract.Methods>

/**
 * The `.proto` file of a contract, for those who call it or answer it in other languages.
 *
 * **Details**
 *
 * The package is the contract's name, a service's the first part of its endpoints. A schema's identifier names its
 * message; one without is named by its place. Throws where a schema has no form in protobuf.
 */
export const print = (contract: AnyContract): string => Printing.print(Outline.ofContract(contract))

/** A `.proto` file that was read. A `Root` of protobufjs is one. */
export interface Root {
  readonly lookupType: (path: string) => Binding.Type
}

/**
 * Writes a schema as a message type of somebody's own `.proto` file: its numbers, its types of numbers, its enums.
 *
 * **Details**
 *
 * Fields are found by name, whether in snake or in camel case. What the type has and the schema does not name is
 * skipped when it is read. Throws, with the path, where the two do not agree.
 */
export const bind = <S extends Wire & Schema.Top>(schema: S, type: string, root: Root): S["Rebuild"] => {
  const bound = Binding.bind(toRoot(makeFile(), schema.ast, "Message"), root.lookupType(type))
  return schema.annotate({ [Annotation.boundKey]: bound })
}

/** A change between two versions, where it is, and whom it breaks. */
export type Change = Comparison.Change

/**
 * What changes on the wire between two versions of a contract, or of a schema.
 *
 * **Details**
 *
 * `breaks` has `"old readers"` where a program of the earlier version cannot read what one of the later writes, and
 * `"new readers"` for the other way round. Events and requests need both while a fleet changes; a change that breaks
 * nobody is listed to be known.
 *
 * **Example** (A test that keeps a contract readable)
 *
 * ```ts
 * // run
 * import * as Schema from "effect/Schema"
 * import * as Protobuf from "effect-micro/Protobuf"
 *
 * const before = Schema.Struct({ sku: Schema.String, count: Schema.Int })
 * const after = Schema.Struct({ count: Schema.Int, sku: Schema.String })
 *
 * console.log(Protobuf.compare(before, after)[0]?.problem) // => field 1 is now count
 * ```
 */
export const compare: {
  (before: Wire, after: Wire): ReadonlyArray<Change>
  (before: AnyContract, after: AnyContract): ReadonlyArray<Change>
} = (before: Wire | AnyContract, after: Wire | AnyContract) =>
  Schema.isSchema(before)
    ? Comparison.ofRoots(rootOf(before as Wire), rootOf(after as Wire), [])
    : Comparison.ofOutlines(Outline.ofContract(before as AnyContract), Outline.ofContract(after as AnyContract))

// ---------------------------------------------------------------------------------------------------------------------

const rootOf = (schema: Wire) => toRoot(makeFile(), schema.ast, "Message")
