/**
 * The alternatives of a schema, apart from the ways in which a value of it may be nothing.
 */
import * as SchemaAST from "effect/SchemaAST"
import * as Annotation from "./annotation.ts"
import { encodedOf } from "./plain.ts"

export interface Member {
  /** What the contract says: it has the name and the annotations. */
  readonly from: SchemaAST.AST
  /** What the wire holds. */
  readonly encoded: SchemaAST.AST
}

export interface Split {
  readonly members: ReadonlyArray<Member>
  readonly undefined: boolean
  readonly null: boolean
  /** What the schema is known by, however often it is copied into other contexts. */
  readonly identity: unknown
  /** The name that the schema has of itself. */
  readonly identifier: string | undefined
}

/** Takes unions in unions apart. */
export const split = (ast: SchemaAST.AST): Split => {
  const members: Array<Member> = []
  const nothing = { undefined: false, null: false }
  const seen = new Set<SchemaAST.AST>()
  let identity: unknown
  let identifier: string | undefined
  const visit = (from: SchemaAST.AST): void => {
    const encoded = encodedOf(from)
    if (Annotation.bound(from) !== undefined) return void members.push({ from, encoded })
    switch (encoded._tag) {
      case "Null":
        nothing.null = true
        return
      case "Undefined":
      case "Void":
        nothing.undefined = true
        return
      case "Never":
        return
      case "Suspend":
        if (!seen.has(encoded)) visit(encoded.thunk())
        seen.add(encoded)
        return
      case "Union":
        identifier ??= identifierOf({ from, encoded })
        // A schema that may be nothing is the same one within: only what has several members is known by them.
        if (encoded.types.filter(isSomething).length > 1) identity ??= encoded.types
        for (const type of encoded.types) visit(type)
        return
      default:
        members.push({ from, encoded })
    }
  }
  visit(ast)
  return {
    members,
    ...nothing,
    identity: identity ?? identityOf(members),
    identifier: identifier ?? ownIdentifier(members)
  }
}

/** The name that a schema has of itself. */
export const identifierOf = ({ encoded, from }: Member): string | undefined =>
  SchemaAST.resolveIdentifier(from) ?? SchemaAST.resolveIdentifier(encoded)

// ---------------------------------------------------------------------------------------------------------------------

const isSomething = ({ _tag }: SchemaAST.AST): boolean => _tag !== "Null" && _tag !== "Undefined" && _tag !== "Void"

/** Copies of a node in other contexts share their parts. */
const identityOf = ([member]: ReadonlyArray<Member>): unknown => {
  if (member === undefined) return undefined
  const { encoded } = member
  return encoded._tag === "Objects" && encoded.propertySignatures.length > 0
    ? encoded.propertySignatures
    : encoded._tag === "Arrays" && encoded.elements.length > 0
    ? encoded.elements
    : encoded
}

const ownIdentifier = (members: ReadonlyArray<Member>): string | undefined =>
  members.length === 1 ? identifierOf(members[0]) : undefined
