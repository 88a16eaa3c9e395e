/**
 * Messages with the numbers and types of somebody's own `.proto` file, where both agree on what they hold.
 */
import type { Root } from "./mapping.ts"
import { type Enumeration, type Field, type Kind, known, type Message, type Scalar, typeName } from "./model.ts"
import { same, snake } from "./names.ts"
import { bigScalars } from "./number.ts"
import type { Draft } from "./numbering.ts"
import { type Path, Unmappable } from "./unmappable.ts"

/** A message type that was read from a `.proto` file: of a `Type` of protobufjs, what is asked here. */
export interface Type {
  readonly name: string
  readonly fullName: string
  readonly fieldsArray: ReadonlyArray<TypeField>
}

/** A field of such a type. */
export interface TypeField {
  readonly name: string
  readonly id: number
  readonly type: string
  readonly repeated: boolean
  readonly map: boolean
  readonly required: boolean
  readonly hasPresence: boolean
  readonly partOf: object | null
  readonly resolvedType: Type | TypeEnum | null
  readonly resolve: () => unknown
}

/** An enum of such a file. */
export interface TypeEnum {
  readonly name: string
  readonly values: Readonly<Record<string, number>>
}

/** The message with the names, numbers and types of the other. Throws `Unmappable` where they do not agree. */
export const bind = (root: Root, type: Type): Message => {
  if (root._tag === "Known") throw new Unmappable([], `${typeName(root)} needs no binding`)
  return bindMessage(root.message, type, [], new Map())
}

// ---------------------------------------------------------------------------------------------------------------------

/** Messages that are bound, or being bound: a message may hold itself. */
type Bound = Map<Message, Map<Type, Message>>

const bindMessage = (message: Message, type: Type, path: Path, bound: Bound): Message => {
  const others = bound.get(message) ?? new Map<Type, Message>()
  const made = others.get(type)
  if (made !== undefined) return made
  const draft: Draft = { ...message, name: type.name, file: undefined, fields: [], constants: [...message.constants] }
  bound.set(message, others.set(type, draft))
  if (message.shape === "choice") checkChoice(type, path)
  draft.fields = message.fields.map((field) => {
    const where = message.shape === "box" || message.shape === "choice" ? path : [...path, field.key]
    return bindField(message, field, type, where, bound)
  })
  draft.rest = message.rest === undefined ? undefined : draft.fields[message.fields.indexOf(message.rest)]
  const numbers = new Set(draft.fields.map(({ number }) => number))
  const forgotten = type.fieldsArray.find(({ id, required }) => required && !numbers.has(id))
  if (forgotten !== undefined) throw new Unmappable(path, `${nameOf(type)} requires ${forgotten.name}`)
  return draft
}

const nameOf = ({ fullName }: Type): string => fullName.replace(/^\./, "")

const checkChoice = (type: Type, path: Path): void => {
  const groups = new Set(type.fieldsArray.map(({ partOf }) => partOf))
  if (groups.size !== 1 || groups.has(null)) throw new Unmappable(path, `${nameOf(type)} is not one oneof`)
}

const bindField = (message: Message, field: Field, type: Type, path: Path, bound: Bound): Field => {
  const candidates = type.fieldsArray
  const theirs = candidates.find(({ name }) => same(name) === same(field.name)) ??
    (message.shape === "box" && candidates.length === 1 ? candidates[0] : undefined)
  if (theirs === undefined) throw new Unmappable(path, `${nameOf(type)} has no field ${field.name}`)
  theirs.resolve()
  const label = theirs.map ? "map" : theirs.repeated ? "repeated" : "one value"
  const ours = field.label === "map" || field.label === "repeated" ? field.label : "one value"
  if (label !== ours) throw new Unmappable(path, `${nameOf(type)} has ${label}, the schema ${ours}`)
  if (field.label === "optional" && !theirs.hasPresence) {
    throw new Unmappable(path, `${nameOf(type)} cannot say that ${theirs.name} is absent: it is not optional there`)
  }
  return { ...field, name: snake(theirs.name), number: theirs.id, kind: bindKind(field.kind, theirs, path, bound) }
}

const bindKind = (kind: Kind, field: TypeField, path: Path, bound: Bound): Kind => {
  const { resolvedType, type } = field
  const refuse = () => new Unmappable(path, `the schema has ${typeName(kind)}, ${field.name} is ${type}`)
  switch (kind._tag) {
    case "Scalar":
      if (resolvedType !== null || !familyOf(kind).has(type as Scalar)) throw refuse()
      return { ...kind, scalar: type as Scalar }
    case "Enum":
      if (resolvedType === null || !("values" in resolvedType)) throw refuse()
      return { _tag: "Enum", enumeration: bindEnumeration(kind.enumeration, resolvedType, path) }
    case "Known":
      if (resolvedType === null || !("fieldsArray" in resolvedType)) throw refuse()
      if (nameOf(resolvedType) !== known[kind.known].type) throw refuse()
      return kind
    case "Message":
      if (resolvedType === null || !("fieldsArray" in resolvedType)) throw refuse()
      return { _tag: "Message", message: bindMessage(kind.message, resolvedType, path, bound) }
  }
}

const integers: ReadonlySet<Scalar> = new Set([...bigScalars, "int32", "uint32", "sint32", "fixed32", "sfixed32"])

const floats: ReadonlySet<Scalar> = new Set(["double", "float"])

/** The types that hold the same values. Integers longer than the type that they are bound to are refused. */
const familyOf = ({ big, scalar }: Extract<Kind, { readonly _tag: "Scalar" }>): ReadonlySet<Scalar> =>
  big ? bigScalars : integers.has(scalar) ? integers : floats.has(scalar) ? floats : new Set([scalar])

/** Their values by ours: `LEVEL_LOW` of `Level` is `"low"`. */
const bindEnumeration = (ours: Enumeration, theirs: TypeEnum, path: Path): Enumeration => {
  const numbers = new Map(Object.entries(theirs.values).map(([name, number]) => [same(name), { name, number }]))
  const said = ours.values.filter(({ literal }) => literal !== undefined).map((value) => {
    const bare = same(value.name).slice(same(ours.name).length)
    const found = numbers.get(bare) ?? numbers.get(`${same(theirs.name)}${bare}`)
    if (found === undefined) {
      throw new Unmappable(path, `${theirs.name} has no value for ${JSON.stringify(value.literal)}`)
    }
    return { name: found.name, number: found.number, literal: value.literal }
  })
  const zero = Object.entries(theirs.values).find(([, number]) => number === 0)
  const silent = zero === undefined || said.some(({ number }) => number === 0)
  return {
    name: theirs.name,
    values: silent ? said : [{ name: zero[0], number: 0, literal: undefined }, ...said]
  }
}
