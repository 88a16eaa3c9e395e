/**
 * What a schema says about its form in protobuf, as annotations.
 */
import type * as SchemaAST from "effect/SchemaAST"
import type { Message, Scalar } from "./model.ts"

/** The number of a field: an annotation of its key. */
export const fieldKey = "effect-micro/Protobuf/field"

/** Which of the types of numbers: an annotation of a number's or a bigint's schema. */
export const scalarKey = "effect-micro/Protobuf/scalar"

/** The message type of somebody's own `.proto` file that a schema was bound to. */
export const boundKey = "effect-micro/Protobuf/bound"

export const fieldNumber = (ast: SchemaAST.AST): number | undefined => {
  const own = ast.context?.annotations?.[fieldKey]
  if (typeof own === "number") return own
  if (ast._tag !== "Union") return undefined
  // `optional(field(3)(…))` says it of the member; of several that may be absent, only one is left.
  const members = ast.types.filter(({ _tag }) => _tag !== "Undefined" && _tag !== "Null")
  return members.length === 1 ? fieldNumber(members[0]) : undefined
}

export const scalar = (ast: SchemaAST.AST): Scalar | undefined => find(ast, scalarKey) as Scalar | undefined

export const bound = (ast: SchemaAST.AST): Message | undefined => find(ast, boundKey) as Message | undefined

// ---------------------------------------------------------------------------------------------------------------------

/** An annotation sits on the last check there was when it was made, and later checks must not hide it. */
const find = (ast: SchemaAST.AST, key: string): unknown => {
  for (const check of ast.checks?.toReversed() ?? []) {
    const found = check.annotations?.[key]
    if (found !== undefined) return found
  }
  return ast.annotations?.[key]
}
