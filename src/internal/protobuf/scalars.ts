/**
 * Strings, numbers, flags and bytes, and the literals that enums are made of.
 */
import type * as SchemaAST from "effect/SchemaAST"
import * as Annotation from "./annotation.ts"
import type { Member } from "./members.ts"
import type { Enumeration, EnumerationValue, Kind, Message, Scalar } from "./model.ts"
import { upperSnake } from "./names.ts"
import { bigScalars, scalarOf } from "./number.ts"
import { knownOf } from "./plain.ts"
import { type Path, Unmappable } from "./unmappable.ts"

export type ScalarKind = Extract<Kind, { readonly _tag: "Scalar" }>

export type JsType = "string" | "number" | "boolean" | "bigint"

/** The type that JavaScript gives to every value of a schema, where it is a primitive one. */
export const jsType = (ast: SchemaAST.AST): JsType | undefined => {
  switch (ast._tag) {
    case "String":
    case "TemplateLiteral":
      return "string"
    case "Number":
      return "number"
    case "Boolean":
      return "boolean"
    case "BigInt":
      return "bigint"
    case "Literal":
      return typeof ast.literal as JsType
    case "Enum": {
      const [type, ...others] = new Set(ast.enums.map(([, value]) => typeof value as JsType))
      return others.length === 0 ? type : undefined
    }
    default:
      return undefined
  }
}

/** The scalar of alternatives that are all of one primitive type. */
export const scalarKind = (members: ReadonlyArray<Member>, path: Path): ScalarKind | undefined => {
  const [{ encoded }] = members
  if (knownOf(encoded) === "bytes") return scalar("bytes")
  switch (jsType(encoded)) {
    case "string":
      return scalar("string")
    case "boolean":
      return scalar("bool")
    case "number":
      return scalar(scalarOf(members.map(({ encoded }) => encoded)))
    case "bigint": {
      const said = Annotation.scalar(encoded) ?? "int64"
      if (!bigScalars.has(said)) throw new Unmappable(path, `a bigint does not fit ${said}`)
      return { _tag: "Scalar", scalar: said, big: true }
    }
    default:
      return undefined
  }
}

/** The enum of alternatives that are all literal strings, or the members of a TypeScript enum. */
export const enumerationOf = (
  members: ReadonlyArray<Member>,
  name: () => string,
  valueNames: (name: string) => string
): Enumeration | undefined => {
  const named: Array<readonly [name: string, literal: string | number]> = []
  for (const { encoded } of members) {
    if (encoded._tag === "Enum") named.push(...encoded.enums)
    else if (encoded._tag === "Literal" && typeof encoded.literal === "string") {
      named.push([encoded.literal, encoded.literal])
    } else return undefined
  }
  if (named.length === 0) return undefined
  if (!named.some(([, literal]) => typeof literal === "number")) {
    return makeEnumeration(name(), valueNames, named, (i) => i + 1)
  }
  const numbers = named.map(([, literal]) => literal)
  const fits = new Set(numbers).size === numbers.length && numbers.every((value) => (Number(value) | 0) === value)
  return fits ? makeEnumeration(name(), valueNames, named, (i) => Number(numbers[i])) : undefined
}

/** The message that Google has for a scalar that stands alone. */
export const wrapperOf = ({ big, scalar }: ScalarKind): Message | undefined => {
  const name = wrappers[scalar]
  return name === undefined ? undefined : {
    name: `google.protobuf.${name}`,
    shape: "box",
    fields: [{
      key: "value",
      name: "value",
      number: 1,
      label: "plain",
      absent: "missing",
      kind: { _tag: "Scalar", scalar, big }
    }],
    constants: [],
    rest: undefined,
    file: "google/protobuf/wrappers.proto"
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const scalar = (scalar: Scalar): ScalarKind => ({ _tag: "Scalar", scalar, big: false })

const makeEnumeration = (
  name: string,
  unique: (name: string) => string,
  named: ReadonlyArray<readonly [name: string, literal: string | number]>,
  numberOf: (index: number) => number
): Enumeration => {
  // Values share a scope with all others of their file, so each has the name of its enum before its own.
  const prefix = upperSnake(name)
  const values = named.map(([name, literal], index): EnumerationValue => ({
    name: unique(`${prefix}_${upperSnake(name)}`.replace(/_$/, "_EMPTY")),
    number: numberOf(index),
    literal
  }))
  const zero = values.find(({ number }) => number === 0)
  const rest = values.filter((value) => value !== zero)
  return { name, values: [zero ?? { name: unique(`${prefix}_UNSPECIFIED`), number: 0, literal: undefined }, ...rest] }
}

const wrappers: Partial<Record<Scalar, string>> = {
  double: "DoubleValue",
  float: "FloatValue",
  int64: "Int64Value",
  uint64: "UInt64Value",
  int32: "Int32Value",
  uint32: "UInt32Value",
  bool: "BoolValue",
  string: "StringValue",
  bytes: "BytesValue"
}
