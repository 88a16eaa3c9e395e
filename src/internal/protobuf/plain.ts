/**
 * Schemas whose encoded side is what protobuf can hold as it is.
 *
 * A `Date`, a `Duration`, bytes and a bigint have a form of their own on the wire and stay; an `Option` is its value or
 * `undefined`; every other declared type goes by what it says of its codec, as for JSON; unknown values must be JSON.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Annotation from "./annotation.ts"
import type { Known } from "./model.ts"

/** The schema whose encoded side the wire can hold. A schema that needs no change is its own. */
export const toPlain = (schema: Schema.Codec<unknown, unknown>): Schema.Codec<unknown, unknown> => {
  const ast = derive(schema.ast)
  return ast === schema.ast ? schema : Schema.make(ast)
}

/** Whether no value changes on its way to the encoded side, however deep. */
export const isPlain = (ast: SchemaAST.AST, seen = new Set<SchemaAST.AST>()): boolean => {
  if (ast.encoding !== undefined) return false
  if (seen.has(ast)) return true
  seen.add(ast)
  switch (ast._tag) {
    case "Declaration":
      return knownOf(ast) !== undefined
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].every(({ type }) => isPlain(type, seen))
    case "Arrays":
      return [...ast.elements, ...ast.rest].every((type) => isPlain(type, seen))
    case "Union":
      return ast.types.every((type) => isPlain(type, seen))
    case "Suspend":
      return isPlain(ast.thunk(), seen)
    default:
      return true
  }
}

/**
 * Whether whatever a reader makes of bytes is a value of the schema: nothing is transformed, and nothing said of values
 * but what their type on the wire says as well.
 */
export const isSure = (ast: SchemaAST.AST, seen = new Set<SchemaAST.AST>()): boolean => {
  if (ast.encoding !== undefined || !(ast.checks ?? []).every(isInteger)) return false
  if (seen.has(ast)) return true
  seen.add(ast)
  switch (ast._tag) {
    case "Number":
      // A float may be an integer where it is written, and another number where it is read.
      return Annotation.scalar(ast) !== "float"
    case "String":
    case "Boolean":
    case "BigInt":
    case "Null":
    case "Undefined":
      return true
    case "Declaration":
      return knownOf(ast) !== undefined
    case "Literal":
      return typeof ast.literal === "string"
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].every(({ type }) => isSure(type, seen)) &&
        ast.indexSignatures.every(({ parameter }) => parameter._tag === "String" && isSure(parameter, seen))
    case "Arrays":
      return [...ast.elements, ...ast.rest].every((type) => isSure(type, seen))
    case "Union":
      return ast.options?.mode !== "oneOf" && ast.types.every((type) => isSure(type, seen))
    case "Suspend":
      return isSure(ast.thunk(), seen)
    default:
      return false
  }
}

const isInteger = (check: SchemaAST.Check<any>): boolean =>
  (check.annotations?.["representation"] as { readonly id?: unknown } | undefined)?.id === "effect/schema/isInt"

/** The form that a node has on the encoded side, whatever transformations lie before it. */
export const encodedOf = (ast: SchemaAST.AST): SchemaAST.AST => {
  const link = linkOf(ast)
  return link === undefined ? ast : encodedOf(link.to)
}

/** Whether the key of an encoded value may be missing. */
export const isOptional = (ast: SchemaAST.AST): boolean =>
  ast.encoding === undefined
    ? SchemaAST.isOptional(ast)
    : isOptional(ast.encoding[ast.encoding.length - 1].to)

/** What a declared type is of those that protobuf has. */
export const knownOf = (ast: SchemaAST.AST): Known | "bytes" | undefined =>
  ast._tag === "Declaration" ? native[identity(ast)] : undefined

// ---------------------------------------------------------------------------------------------------------------------

const native: Readonly<Record<string, Known | "bytes">> = {
  "effect/schema/Date": "Timestamp",
  "effect/schema/DateTimeUtc": "UtcTimestamp",
  "effect/schema/Duration": "Duration",
  "effect/schema/Uint8Array": "bytes",
  "effect/schema/Json": "Value",
  "effect/schema/MutableJson": "Value"
}

const identity = (ast: SchemaAST.Declaration): string => {
  const representation = ast.annotations?.["representation"] as { readonly id?: unknown } | undefined
  return typeof representation?.id === "string" ? representation.id : ""
}

const links = new WeakMap<SchemaAST.AST, SchemaAST.Link>()

/** The last transformation between a value and its encoded side: its own, or the one that protobuf needs. */
const linkOf = (ast: SchemaAST.AST): SchemaAST.Link | undefined => {
  if (ast.encoding !== undefined) return ast.encoding[ast.encoding.length - 1]
  const found = links.get(ast)
  if (found !== undefined) return found
  const made = makeLink(ast)
  if (made !== undefined) links.set(ast, made)
  return made
}

const makeLink = (ast: SchemaAST.AST): SchemaAST.Link | undefined => {
  switch (ast._tag) {
    case "Unknown":
      return new SchemaAST.Link(Schema.Json.ast, SchemaTransformation.passthrough())
    case "ObjectKeyword":
      return new SchemaAST.Link(jsonObject.ast, SchemaTransformation.passthrough())
    case "Declaration": {
      if (knownOf(ast) !== undefined) return undefined
      const parameters = ast.typeParameters.map((parameter) => Schema.make(named(parameter)))
      if (identity(ast) === "effect/schema/Option") return optionLink(parameters[0])
      const link = ast.annotations?.["toCodecJson"] ?? ast.annotations?.["toCodec"]
      return typeof link === "function" ? link(parameters) : undefined
    }
    default:
      return undefined
  }
}

/** A type's encoded side, with the type's name: that of a class is not its fields' own. */
const named = (ast: SchemaAST.AST): SchemaAST.AST => {
  const encoded = SchemaAST.toEncoded(ast)
  const identifier = SchemaAST.resolveIdentifier(ast)
  return identifier === undefined || encoded.checks !== undefined
    ? encoded
    : copy(encoded, { annotations: { ...encoded.annotations, identifier } })
}

const jsonObject = Schema.Union([Schema.Array(Schema.Json), Schema.Record(Schema.String, Schema.Json)])

/** An option is its value or `undefined`; one that may itself be nothing is kept in a struct, to tell them apart. */
const optionLink = (value: Schema.Constraint): SchemaAST.Link =>
  mayBeNothing(value.ast)
    ? new SchemaAST.Link(
      Schema.UndefinedOr(Schema.Struct({ value })).ast,
      SchemaTransformation.transform<Option.Option<unknown>, { readonly value: unknown } | undefined>({
        decode: (some) => some === undefined ? Option.none() : Option.some(some.value),
        encode: (option) => Option.isNone(option) ? undefined : { value: option.value }
      })
    )
    : new SchemaAST.Link(
      Schema.UndefinedOr(value).ast,
      SchemaTransformation.transform<Option.Option<unknown>, unknown>({
        decode: (some) => some === undefined ? Option.none() : Option.some(some),
        encode: Option.getOrUndefined
      })
    )

const mayBeNothing = (ast: SchemaAST.AST): boolean => {
  const encoded = encodedOf(ast)
  switch (encoded._tag) {
    case "Undefined":
    case "Null":
    case "Void":
    case "Any":
    case "Suspend":
      return true
    case "Union":
      return encoded.types.some(mayBeNothing)
    default:
      return false
  }
}

const derived = new WeakMap<SchemaAST.AST, SchemaAST.AST>()

const derive = (ast: SchemaAST.AST): SchemaAST.AST => {
  const known = derived.get(ast)
  if (known !== undefined) return known
  const out = deriveNode(ast)
  derived.set(ast, out)
  return out
}

const deriveNode = (ast: SchemaAST.AST): SchemaAST.AST => {
  const link = linkOf(ast)
  if (link !== undefined) {
    const to = inContext(derive(link.to), ast)
    if (to === link.to && ast.encoding !== undefined) return ast
    const last = new SchemaAST.Link(to, link.transformation)
    const [first, ...more] = ast.encoding?.slice(0, -1) ?? []
    return copy(ast, { encoding: first === undefined ? [last] : [first, ...more, last] })
  }
  switch (ast._tag) {
    case "Objects": {
      const propertySignatures = mapOrSame(ast.propertySignatures, (property) => {
        const type = derive(property.type)
        return type === property.type ? property : new SchemaAST.PropertySignature(property.name, type)
      })
      const indexSignatures = mapOrSame(ast.indexSignatures, (index) => {
        const type = derive(index.type)
        return type === index.type ? index : new SchemaAST.IndexSignature(index.parameter, type)
      })
      return propertySignatures === ast.propertySignatures && indexSignatures === ast.indexSignatures
        ? ast
        : copy(ast, { propertySignatures, indexSignatures })
    }
    case "Arrays": {
      const elements = mapOrSame(ast.elements, derive)
      const rest = mapOrSame(ast.rest, derive)
      return elements === ast.elements && rest === ast.rest ? ast : copy(ast, { elements, rest })
    }
    case "Union": {
      const types = mapOrSame(ast.types, derive)
      return types === ast.types ? ast : copy(ast, { types })
    }
    case "Suspend":
      return new SchemaAST.Suspend(() => derive(ast.thunk()), ast.annotations, ast.checks, undefined, ast.context)
    default:
      return ast
  }
}

/** What protobuf puts below a key that may be missing may be missing too. Schemas' own transformations see to it. */
const inContext = (to: SchemaAST.AST, { context, encoding }: SchemaAST.AST): SchemaAST.AST =>
  context === undefined || encoding !== undefined
    ? to
    : copy(to, {
      context: new SchemaAST.Context(context.isOptional, context.isMutable, undefined, context.annotations)
    })

/** A node is its prototype and its properties: the same node, with some of them changed. */
const copy = <A extends SchemaAST.AST>(ast: A, changes: Partial<A>): A =>
  Object.assign(Object.create(Object.getPrototypeOf(ast)), ast, changes)

const mapOrSame = <A>(list: ReadonlyArray<A>, f: (a: A) => A): ReadonlyArray<A> => {
  const mapped = list.map(f)
  return mapped.every((a, i) => a === list[i]) ? list : mapped
}
