/** A codec to plain data in which bytes are bytes. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Wire } from "../../Codec.ts"

/** The codec that `Schema.toCodecJson` makes, but that a `Uint8Array` stays one. */
export const make = (schema: Wire): Wire => Schema.make<Wire>(raw(Schema.toCodecJson(schema).ast, new Map()))

// ---------------------------------------------------------------------------------------------------------------------

type Known = Map<SchemaAST.AST, SchemaAST.AST>

/** The node with raw bytes, the same one where it holds none. */
const raw = (ast: SchemaAST.AST, known: Known): SchemaAST.AST => {
  let found = known.get(ast)
  if (found === undefined) {
    found = isBytes(ast) ? changed(ast, { encoding: undefined }) : rawInside(ast, known)
    known.set(ast, found)
  }
  return found
}

// Only what would be base64, which is a way around bytes; a schema that writes its bytes in hex has its reasons.
const isBytes = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Declaration" && ast.run === Schema.Uint8Array.ast.run
  && ast.encoding?.length === 1 && ast.encoding[0].transformation === toBase64

const toBase64 = Schema.toCodecJson(Schema.Uint8Array).ast.encoding?.[0].transformation

const rawInside = (ast: SchemaAST.AST, known: Known): SchemaAST.AST => {
  const inner = (ast: SchemaAST.AST) => raw(ast, known)
  const encoding = ast.encoding?.map((link) => new SchemaAST.Link(inner(link.to), link.transformation))
  const outside = encoding?.some(({ to }, i) => to !== ast.encoding![i].to) ? changed(ast, { encoding }) : ast
  switch (outside._tag) {
    case "Arrays": {
      const { elements, rest } = outside
      return changed(outside, { elements: elements.map(inner), rest: rest.map(inner) })
    }
    case "Objects":
      return changed(outside, {
        propertySignatures: outside.propertySignatures.map(({ name, type }) =>
          new SchemaAST.PropertySignature(name, inner(type))
        ),
        indexSignatures: outside.indexSignatures.map(({ parameter, type }) =>
          new SchemaAST.IndexSignature(parameter, inner(type))
        )
      })
    case "Union":
      return changed(outside, { types: outside.types.map(inner) })
    case "Suspend": {
      const { thunk } = outside
      return changed(outside, { thunk: () => inner(thunk()) })
    }
    default:
      return outside
  }
}

// Nodes are immutable and of many constructors: this is how Effect itself makes one with another encoding.
const changed = <A extends SchemaAST.AST>(ast: A, changes: Partial<Record<string, unknown>>): A =>
  Object.assign(Object.create(Object.getPrototypeOf(ast)), ast, changes)
