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
      return changed(outside, { elements: all(elements, inner), rest: all(rest, inner) })
    }
    case "Objects": {
      const { indexSignatures, propertySignatures } = outside
      return changed(outside, {
        propertySignatures: all(propertySignatures, (property) => {
          const type = inner(property.type)
          return type === property.type ? property : new SchemaAST.PropertySignature(property.name, type)
        }),
        indexSignatures: all(indexSignatures, (index) => {
          const type = inner(index.type)
          return type === index.type ? index : new SchemaAST.IndexSignature(index.parameter, type)
        })
      })
    }
    case "Union":
      return changed(outside, { types: all(outside.types, inner) })
    case "Suspend": {
      const { thunk } = outside
      return changed(outside, { thunk: () => inner(thunk()) })
    }
    default:
      return outside
  }
}

/** Each changed; the same list where none was. */
const all = <A>(list: ReadonlyArray<A>, change: (member: A) => A): ReadonlyArray<A> => {
  const changed = list.map(change)
  return changed.every((member, i) => member === list[i]) ? list : changed
}

// Nodes are immutable and of many constructors: this is how Effect itself makes one with another encoding.
const changed = <A extends SchemaAST.AST>(ast: A, changes: Partial<Record<string, unknown>>): A =>
  Object.entries(changes).every(([name, value]) => Reflect.get(ast, name) === value)
    ? ast
    : Object.assign(Object.create(Object.getPrototypeOf(ast)), ast, changes)
