/**
 * What a value of a union may be, each with the way to tell it from the others.
 */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type { Member } from "./members.ts"
import type { Literal, Test } from "./model.ts"
import { makeNames, snake } from "./names.ts"
import { encodedOf, isOptional, knownOf, toPlain } from "./plain.ts"
import { jsType } from "./scalars.ts"

export interface Alternative {
  /** More than one where they are of the same primitive type: nothing tells them apart, and nothing must. */
  readonly members: readonly [Member, ...ReadonlyArray<Member>]
  readonly name: string
  /** Missing where it is what remains. */
  readonly test: Test | undefined
}

/** The alternatives in the order of the schema. At most one has no test. */
export const choose = (members: ReadonlyArray<Member>): ReadonlyArray<Alternative> => {
  const groups = group(members)
  const objects = groups.filter(({ type }) => type === undefined)
  const tag = objects.length > 1 ? tagOf(objects.map(({ members }) => members[0])) : undefined
  const names = makeNames()
  return groups.map(({ members, type }): Alternative => ({
    members,
    name: names(nameOf(members[0], tag, type)),
    test: type !== undefined
      ? { _tag: "TypeOf", type }
      : tag !== undefined
      ? { _tag: "Sentinel", key: tag, literal: literalAt(members[0], tag)! }
      : objects.length > 1
      ? { _tag: "Guard", is: guard(members[0].from) }
      : undefined
  }))
}

// ---------------------------------------------------------------------------------------------------------------------

interface Group {
  readonly type: ReturnType<typeof jsType>
  readonly members: [Member, ...Array<Member>]
}

const group = (members: ReadonlyArray<Member>): ReadonlyArray<Group> => {
  const groups: Array<Group> = []
  for (const member of members) {
    const type = jsType(member.encoded)
    const same = type === undefined ? undefined : groups.find((group) => group.type === type)
    if (same === undefined) groups.push({ type, members: [member] })
    else same.members.push(member)
  }
  return groups
}

/** A property that is another literal in each member. */
const tagOf = (members: ReadonlyArray<Member>): string | undefined =>
  keysOf(members[0]).find((key) => {
    const literals = members.map((member) => literalAt(member, key))
    return !literals.includes(undefined) && new Set(literals).size === literals.length
  })

const keysOf = ({ encoded }: Member): ReadonlyArray<string> =>
  encoded._tag === "Objects" ? encoded.propertySignatures.map(({ name }) => String(name)) : []

const literalAt = ({ encoded }: Member, key: string): Literal | undefined => {
  if (encoded._tag !== "Objects") return undefined
  const property = encoded.propertySignatures.find(({ name }) => name === key)
  if (property === undefined || isOptional(property.type)) return undefined
  const type = encodedOf(property.type)
  return type._tag === "Literal" ? type.literal : undefined
}

const nameOf = ({ encoded, from }: Member, tag: string | undefined, type: string | undefined): string => {
  const literal = tag === undefined ? undefined : literalAt({ encoded, from }, tag)
  if (typeof literal === "string" && /[A-Za-z]/.test(literal)) return snake(lastOf(literal))
  const identifier = SchemaAST.resolveIdentifier(from)
  if (identifier !== undefined) return snake(lastOf(identifier))
  const known = knownOf(encoded)
  return type ?? known?.toLowerCase() ?? { Objects: "object", Arrays: "list" }[encoded._tag as string] ?? "value"
}

/** `Money` of `acme/Money`. */
export const lastOf = (identifier: string): string => identifier.slice(identifier.search(/[^/.]*$/))

const guard = (ast: SchemaAST.AST): (value: unknown) => boolean => {
  // Made when it is first asked: a schema may hold itself, and is not complete before.
  let is: ((value: unknown) => boolean) | undefined
  return (value) => (is ??= SchemaParser.is(Schema.make(SchemaAST.toEncoded(toPlain(Schema.make(ast)).ast))))(value)
}
