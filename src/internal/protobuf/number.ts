/**
 * Which of protobuf's numbers a schema's are.
 */
import type * as SchemaAST from "effect/SchemaAST"
import * as Annotation from "./annotation.ts"
import type { Scalar } from "./model.ts"

/**
 * The scalar that holds every number of these schemas: `int32` where their bounds fit it, else `int64` of integers,
 * else `double`.
 */
export const scalarOf = (members: ReadonlyArray<SchemaAST.AST>): Scalar => {
  const [said, ...others] = new Set(members.map(Annotation.scalar))
  if (said !== undefined && others.length === 0) return said
  const ranges = members.map(rangeOf)
  if (!ranges.every(({ integer }) => integer)) return "double"
  return ranges.every(({ maximum, minimum }) => minimum >= -(2 ** 31) && maximum < 2 ** 31) ? "int32" : "int64"
}

/** Scalars that a `bigint` may be. */
export const bigScalars: ReadonlySet<Scalar> = new Set(["int64", "uint64", "sint64", "fixed64", "sfixed64"])

// ---------------------------------------------------------------------------------------------------------------------

interface Range {
  readonly integer: boolean
  readonly minimum: number
  readonly maximum: number
}

const everything: Range = { integer: false, minimum: -Infinity, maximum: Infinity }

const rangeOf = (ast: SchemaAST.AST): Range =>
  ast._tag === "Literal" && typeof ast.literal === "number"
    ? { integer: Number.isSafeInteger(ast.literal), minimum: ast.literal, maximum: ast.literal }
    : (ast.checks ?? []).reduce(narrow, everything)

const narrow = (range: Range, check: SchemaAST.Check<any>): Range => {
  if (check._tag === "FilterGroup") return check.checks.reduce(narrow, range)
  const { id, payload } = (check.annotations?.["representation"] ?? {}) as Representation
  switch (id) {
    case "effect/schema/isInt":
      return { ...range, integer: true }
    case "effect/schema/isGreaterThan":
    case "effect/schema/isGreaterThanOrEqualTo":
    case "effect/schema/isLessThan":
    case "effect/schema/isLessThanOrEqualTo":
    case "effect/schema/isBetween":
      return {
        integer: range.integer,
        minimum: Math.max(range.minimum, bound(payload?.minimum), bound(payload?.exclusiveMinimum)),
        maximum: Math.min(range.maximum, -bound(negated(payload?.maximum)), -bound(negated(payload?.exclusiveMaximum)))
      }
    default:
      return range
  }
}

interface Representation {
  readonly id?: string
  readonly payload?: Readonly<Record<string, unknown>>
}

// `isBetween` says of a bound whether it is exclusive, the others give it: what is no number bounds nothing.
const bound = (value: unknown): number => typeof value === "number" ? value : -Infinity

const negated = (value: unknown): unknown => typeof value === "number" ? -value : undefined
