/**
 * A shorter way through a JSON codec, where there is one.
 *
 * Most messages are strings, booleans and ordinary numbers, which are their own JSON. What keeps the compiler from
 * schemas of them are rare values that are not: `NaN`, the infinities, `undefined`. The shortcut is the same schema
 * without these. It compiles to straight code, and who meets one of them after all takes the long way.
 *
 * What the shortcut accepts, it must turn into exactly what the long way does, in both directions. So a union may hold
 * a rare value only where no other member could take its place.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/**
 * A schema of values that are their own JSON, for the schema that `Schema.toCodecJson` made; undefined where there is
 * nothing to spare, or no certainty.
 */
export const make = (codec: Schema.Codec<any, any>): Schema.Codec<any, any> | undefined => {
  const spared = spare(codec.ast)
  return spared === undefined || spared === codec.ast ? undefined : Schema.make(spared)
}

// ---------------------------------------------------------------------------------------------------------------------

/** The node without rare values, the same one where it has none; undefined where a value is not its own JSON. */
const spare = (ast: SchemaAST.AST): SchemaAST.AST | undefined => {
  if (ast.encoding !== undefined) return spareRare(ast)
  switch (ast._tag) {
    case "String":
    case "Number":
    case "Boolean":
    case "Null":
    case "Literal":
    case "TemplateLiteral":
      return ast
    case "Arrays":
      return spareArrays(ast)
    case "Objects":
      return spareObjects(ast)
    case "Union":
      return spareUnion(ast)
    default:
      return undefined
  }
}

// One object each for all schemas: a number that is read from a string, say, has another transformation.
const nonFinite = Schema.toCodecJson(Schema.Number).ast.encoding?.[0].transformation
const toNull = Schema.toCodecJson(Schema.Undefined).ast.encoding?.[0].transformation

const spareRare = (ast: SchemaAST.AST): SchemaAST.AST | undefined => {
  if (isRareNumber(ast)) {
    const finite = Schema.Finite.ast.checks!
    const checks: SchemaAST.Checks = ast.checks === undefined ? finite : [...finite, ...ast.checks]
    return new SchemaAST.Number(ast.annotations, checks, undefined, ast.context)
  }
  return isRareUndefined(ast) ? new SchemaAST.Never(undefined, undefined, undefined, ast.context) : undefined
}

const isRareNumber = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Number" && ast.encoding?.length === 1 && ast.encoding[0].transformation === nonFinite

const isRareUndefined = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Undefined" && ast.encoding?.length === 1 && ast.encoding[0].transformation === toNull

/** Each spared; the same list where nothing was. */
const spareAll = (list: ReadonlyArray<SchemaAST.AST>): ReadonlyArray<SchemaAST.AST> | undefined => {
  const spared = list.map(spare)
  if (spared.every((ast, i) => ast === list[i])) return list
  return spared.every((ast) => ast !== undefined) ? spared : undefined
}

const spareArrays = (ast: SchemaAST.Arrays): SchemaAST.AST | undefined => {
  const { annotations, checks, context, elements, isMutable, rest } = ast
  const spared = ast.encodingChecks === undefined ? spareAll([...elements, ...rest]) : undefined
  if (spared === undefined) return undefined
  if (spared.every((type, i) => type === (elements[i] ?? rest[i - elements.length]))) return ast
  const [first, last] = [spared.slice(0, elements.length), spared.slice(elements.length)]
  return new SchemaAST.Arrays(isMutable, first, last, annotations, checks, undefined, context)
}

const spareObjects = (ast: SchemaAST.Objects): SchemaAST.AST | undefined => {
  const { annotations, checks, context, indexSignatures, propertySignatures } = ast
  if (ast.encodingChecks !== undefined || !indexSignatures.every(({ parameter }) => isPlainKey(parameter))) {
    return undefined
  }
  const types = [...propertySignatures, ...indexSignatures].map(({ type }) => type)
  const spared = spareAll(types)
  if (spared === undefined || spared === types) return spared === undefined ? undefined : ast
  return new SchemaAST.Objects(
    propertySignatures.map(({ name }, i) => new SchemaAST.PropertySignature(name, spared[i])),
    indexSignatures.map(({ parameter }, i) =>
      new SchemaAST.IndexSignature(parameter, spared[propertySignatures.length + i])
    ),
    annotations,
    checks,
    undefined,
    context
  )
}

const isPlainKey = (parameter: SchemaAST.AST): boolean =>
  parameter._tag === "String" && parameter.encoding === undefined

const spareUnion = (ast: SchemaAST.Union): SchemaAST.AST | undefined => {
  const spared = ast.encodingChecks === undefined ? spareAll(ast.types) : undefined
  if (spared === undefined || spared === ast.types) return spared === undefined ? undefined : ast
  if (!isUnmistakable(ast.types) && !isTagged(ast.types)) return undefined
  return new SchemaAST.Union(spared, ast.options, ast.annotations, ast.checks, undefined, ast.context)
}

/** Whether what a member with rare values accepts, in either direction, is of a kind that no other member accepts. */
const isUnmistakable = (types: ReadonlyArray<SchemaAST.AST>): boolean => {
  const kinds = types.map(kindsOf)
  return types.every((type, i) =>
    spare(type) === type || kinds.every((others, j) => i === j || isDisjoint(kinds[i], others))
  )
}

const isDisjoint = (some: ReadonlySet<string>, others: ReadonlySet<string>): boolean =>
  !some.has("any") && !others.has("any") && ![...some].some((kind) => others.has(kind))

const kindsOf = (ast: SchemaAST.AST): ReadonlySet<string> => {
  if (isRareNumber(ast)) return new Set(["number", "string"])
  if (isRareUndefined(ast)) return new Set(["undefined", "null"])
  switch (ast._tag) {
    case "Literal":
      return new Set([typeof ast.literal])
    case "TemplateLiteral":
      return new Set(["string"])
    case "Objects":
      // A struct without fields accepts numbers and strings too.
      return new Set([ast.propertySignatures.length + ast.indexSignatures.length === 0 ? "any" : "object"])
    case "Union":
      return new Set(ast.types.flatMap((type) => [...kindsOf(type)]))
    default:
      return new Set([ast._tag.toLowerCase()])
  }
}

/** Whether all members are structs that a literal in the same place tells apart. */
const isTagged = (types: ReadonlyArray<SchemaAST.AST>): boolean => {
  const [first] = types
  return first._tag === "Objects" && first.propertySignatures.some(({ name }) => {
    const tags = types.map((type) => tagOf(type, name))
    return !tags.includes(undefined) && new Set(tags).size === tags.length
  })
}

const tagOf = (ast: SchemaAST.AST, name: PropertyKey): SchemaAST.LiteralValue | undefined => {
  if (ast._tag !== "Objects") return undefined
  const type = ast.propertySignatures.find((property) => property.name === name)?.type
  return type?._tag === "Literal" && type.encoding === undefined && type.context?.isOptional !== true
    ? type.literal
    : undefined
}
