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
  const draft: Draft = { members: [], undefined: false, null: false, identity: undefined, identifier: undefined }
  visit(draft, ast, new Set())
  const [sole] = draft.members
  return {
    ...draft,
    identity: draft.identity ?? (sole === undefined ? undefined : identityOf(sole)),
    identifier: draft.identifier ?? (draft.members.length === 1 ? identifierOf(sole) : undefined)
  }
}

/** The name that a schema has of itself. */
export const identifierOf = ({ encoded, from }: Member): string | undefined =>
  SchemaAST.resolveIdentifier(from) ?? SchemaAST.resolveIdentifier(encoded)

// ---------------------------------------------------------------------------------------------------------------------

type Draft = { -readonly [K in keyof Split]: Split[K] extends ReadonlyArray<infer A> ? Array<A> : Split[K] }

const visit = (draft: Draft, from: SchemaAST.AST, seen: Set<SchemaAST.AST>): void => {
  const encoded = encodedOf(from)
  if (Annotation.bound(from) !== undefined) return void draft.members.push({ from, encoded })
  switch (encoded._tag) {
    case "Null":
      draft.null = true
      return
    case "Undefined":
    case "Void":
      draft.undefined = true
      return
    case "Never":
      return
    case "Suspend":
      if (seen.has(encoded)) return
      seen.add(encoded)
      return visit(draft, encoded.thunk(), seen)
    case "Union":
      draft.identifier ??= identifierOf({ from, encoded })
      // A schema that may be nothing is the same one within: only what has several members is known by them.
      if (encoded.types.filter(isSomething).length > 1) draft.identity ??= encoded.types
      for (const type of encoded.types) visit(draft, type, seen)
      return
    default:
      draft.members.push({ from, encoded })
  }
}

const isSomething = ({ _tag }: SchemaAST.AST): boolean => _tag !== "Null" && _tag !== "Undefined" && _tag !== "Void"

/** Copies of a node in other contexts share their parts. */
const identityOf = ({ encoded }: Member): unknown =>
  encoded._tag === "Objects" && encoded.propertySignatures.length > 0
    ? encoded.propertySignatures
    : encoded._tag === "Arrays" && encoded.elements.length > 0
    ? encoded.elements
    : encoded
