/**
 * Plain data of the two dialects in which Go writes JSON, brought into the one that a codec reads.
 *
 * A service of Go Micro that is built on protobuf writes names in snake case and int64 as numbers, or names in camel case
 * and int64 as strings; which one is a matter of its release. A name that the schema uses itself always wins.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaGetter from "effect/SchemaGetter"
import type { Wire } from "../../Codec.ts"

/** The codec of a schema that writes canonical JSON, and reads it and both dialects. */
export const make = (schema: Wire): Wire => {
  const adapt = makeAdapt(Schema.toCodecJson(schema).ast, new Map())
  // Effect's own codec for Go reads null as an empty list or map, and as a field that is not there.
  return Schema.Unknown.pipe(Schema.decodeTo(Schema.toCodecGoJson(schema), {
    decode: SchemaGetter.transform(adapt as (value: unknown) => Schema.Json),
    encode: SchemaGetter.passthrough()
  }))
}

// ---------------------------------------------------------------------------------------------------------------------

type Adapt = (value: unknown) => unknown

const same: Adapt = (value) => value

/** What to do with the data of a node. Nodes that hold themselves are met again. */
const makeAdapt = (ast: SchemaAST.AST, known: Map<SchemaAST.AST, Adapt>): Adapt => {
  const met = known.get(ast)
  if (met !== undefined) return met
  let adapt: Adapt | undefined
  known.set(ast, (value) => (adapt ?? same)(value))
  adapt = makeNew(ast, (inner) => makeAdapt(inner, known))
  known.set(ast, adapt)
  return adapt
}

const makeNew = (ast: SchemaAST.AST, inner: (ast: SchemaAST.AST) => Adapt): Adapt => {
  if (ast._tag === "BigInt") return stringFromNumber
  if (ast._tag === "Number") return SchemaAST.toEncoded(ast)._tag === "String" ? same : numberFromString
  if (ast.encoding !== undefined) return inner(ast.encoding[ast.encoding.length - 1].to)
  switch (ast._tag) {
    case "Objects":
      return adaptObjects(ast, inner)
    case "Arrays":
      return adaptArrays(ast, inner)
    case "Union":
      return adaptUnion(ast, inner)
    case "Suspend":
      return suspended(ast, inner)
    default:
      return same
  }
}

// Beyond the safe range the parser has rounded it already: better refused than wrong.
const stringFromNumber: Adapt = (value) => Number.isSafeInteger(value) ? String(value) : value

const numberFromString: Adapt = (value) => {
  if (typeof value !== "string" || !/^-?\d{1,16}$/.test(value)) return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

const suspended = (ast: SchemaAST.Suspend, inner: (ast: SchemaAST.AST) => Adapt): Adapt => {
  let adapt: Adapt | undefined
  return (value) => (adapt ??= inner(ast.thunk()))(value)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const adaptObjects = (ast: SchemaAST.Objects, inner: (ast: SchemaAST.AST) => Adapt): Adapt => {
  const names = new Set(ast.propertySignatures.map(({ name }) => String(name)))
  const fields = ast.propertySignatures.map(({ name, type }) => ({
    name: String(name),
    aliases: aliasesOf(String(name)).filter((alias) => !names.has(alias)),
    adapt: inner(type)
  }))
  const [rest] = ast.indexSignatures.map(({ type }) => inner(type))
  return (value) => {
    if (!isRecord(value)) return value
    const entries = new Map(Object.entries(value))
    if (rest !== undefined) {
      for (const [name, field] of entries) {
        if (!names.has(name)) entries.set(name, rest(field))
      }
    }
    for (const { adapt, aliases, name } of fields) {
      const found = [name, ...aliases].find((alias) => entries.has(alias))
      if (found !== undefined) entries.set(name, adapt(entries.get(found)))
    }
    // `fromEntries` defines properties, `__proto__` too, where an assignment would run a setter.
    return Object.fromEntries(entries)
  }
}

/** The name in the other case: `user_id` of `userId`. A leading underscore belongs to the name, as in `_tag`. */
const aliasesOf = (name: string): ReadonlyArray<string> => {
  const snake = name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const camel = name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
  return [snake, camel].filter((alias) => alias !== name)
}

const adaptArrays = ({ elements, rest }: SchemaAST.Arrays, inner: (ast: SchemaAST.AST) => Adapt): Adapt => {
  const first = elements.map(inner)
  const [repeated = same, ...last] = rest.map(inner)
  return (value) => {
    if (!Array.isArray(value)) return value
    const end = value.length - last.length
    return value.map((element, i) => (i < first.length ? first[i] : i >= end ? last[i - end] : repeated)(element))
  }
}

/** Of the members, the only one that is more than `null` and literals, or the one that the data is tagged as. */
const adaptUnion = ({ types }: SchemaAST.Union, inner: (ast: SchemaAST.AST) => Adapt): Adapt => {
  const members = types.filter((type) => !["Null", "Undefined", "Literal"].includes(type._tag)).map((type) => ({
    adapt: inner(type),
    tags: tagsOf(type)
  }))
  if (members.length === 1) return members[0].adapt
  return (value) => {
    if (!isRecord(value)) return value
    const ofTag = members.filter(({ tags }) =>
      tags.length > 0 && tags.every(([name, literal]) => Object.hasOwn(value, name) && value[name] === literal)
    )
    return ofTag.length === 1 ? ofTag[0].adapt(value) : value
  }
}

/** The literal fields of a struct, or of what is encoded as one. */
const tagsOf = (ast: SchemaAST.AST): ReadonlyArray<readonly [string, unknown]> => {
  const encoded = SchemaAST.toEncoded(ast)
  if (encoded._tag !== "Objects") return []
  return encoded.propertySignatures.flatMap(({ name, type }) =>
    type._tag === "Literal" ? [[String(name), type.literal] as const] : []
  )
}
