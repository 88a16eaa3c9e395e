/**
 * Schemas to messages: what a schema's encoded side is in protobuf.
 *
 * What protobuf has no place for gets a message of its own around it: a list in a list, a choice between types,
 * something that may be missing and may be `null` as well. Everything else is as one would have written it by hand.
 */
import type * as SchemaAST from "effect/SchemaAST"
import { type Alternative, choose, lastOf } from "./alternatives.ts"
import * as Annotation from "./annotation.ts"
import { identifierOf, type Member, type Split, split } from "./members.ts"
import type { Absent, Constant, Enumeration, Kind, Label, Message, Shape } from "./model.ts"
import { makeNames, pascal, snake } from "./names.ts"
import { type Draft, type DraftField, restKey, settle } from "./numbering.ts"
import { encodedOf, isOptional, knownOf } from "./plain.ts"
import { enumerationOf, scalarKind, wrapperOf } from "./scalars.ts"
import { type Path, Unmappable } from "./unmappable.ts"

/** What a value is that stands alone on the wire. */
export type Root = Extract<Kind, { readonly _tag: "Message" | "Known" }>

/** One file, in which no two messages or enums have a name in common. */
export interface File {
  readonly names: (name: string) => string
  /** The values of all enums share a scope. */
  readonly valueNames: (name: string) => string
  /** By what identifies their schema, so that each is made once. */
  readonly messages: Map<unknown, Message>
  readonly enumerations: Map<unknown, Enumeration>
}

export const makeFile = (): File => ({
  names: makeNames(),
  valueNames: makeNames(),
  messages: new Map(),
  enumerations: new Map()
})

/**
 * The message of a schema; `name` is its name where the schema has none of its own. Throws `Unmappable`.
 *
 * A scalar that stands alone is one of Google's wrappers; an enum, a list, a map and what may be absent are in a
 * message with one field, `value`.
 */
export const toRoot = (file: File, ast: SchemaAST.AST, name: string, path: Path = []): Root => {
  const parts = split(ast)
  const states = absencesOf(parts)
  if (parts.members.length === 0 && states.length < 2) {
    return { _tag: "Known", known: parts.null ? "Null" : "Empty" }
  }
  const inner = states.length === 0 && isMessage(parts) ? name : `${name}Value`
  const type = states.length === 0
    ? toType(file, parts, inner, path)
    : withAbsence(file, toSingle(file, parts, inner, path), states, inner)
  if (type.label === "plain") {
    if (type.kind._tag === "Message" || type.kind._tag === "Known") return type.kind
    const wrapper = type.kind._tag === "Scalar" ? wrapperOf(type.kind) : undefined
    if (wrapper !== undefined) return { _tag: "Message", message: wrapper }
  }
  return { _tag: "Message", message: box(file, {}, name, () => type) }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Type {
  readonly label: Label
  readonly kind: Kind
  readonly absent: Absent
}

/** Whether a value is a message without one around it, which then has the name that is meant for it. */
const isMessage = ({ members }: Split): boolean => {
  const [{ encoded }] = members
  return members.length > 1
    ? choose(members).length > 1
    : (encoded._tag === "Objects" || encoded._tag === "Arrays") && !isList(encoded) && !isMap(encoded)
}

/** Whether all elements are alike, however many there have to be. */
const isList = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Arrays" && ast.rest.length === 1 &&
  ast.elements.every((element) => encodedOf(element) === encodedOf(ast.rest[0]))

/** Whether no property has a name of its own. */
const isMap = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Objects" && ast.propertySignatures.length === 0 && ast.indexSignatures.length === 1

const plain = (kind: Kind): Type => ({ label: "plain", kind, absent: "missing" })

const nested = (message: Message): Type => plain({ _tag: "Message", message })

/** The message of a schema, made once. It is there before it is filled, so that it can hold itself. */
const once = (
  file: File,
  identity: unknown,
  name: string,
  shape: Shape,
  path: Path,
  fieldsOf: (draft: Draft) => ReadonlyArray<DraftField>
): Message => {
  const made = file.messages.get(identity)
  if (made !== undefined) return made
  const draft: Draft = { name: file.names(name), shape, fields: [], constants: [], rest: undefined, file: undefined }
  file.messages.set(identity, draft)
  settle(draft, fieldsOf(draft), path)
  return draft
}

/** A message around one value, which may hold the message. */
const box = (file: File, identity: unknown, name: string, type: () => Type): Message =>
  once(file, identity, name, "box", [], () => [{ ...type(), key: "value", name: "value", number: 1 }])

/** The ways in which a value may be nothing, besides not being there. */
const absencesOf = (parts: Split): ReadonlyArray<Absent> => {
  const states: Array<Absent> = []
  if (parts.undefined) states.push("undefined")
  if (parts.null) states.push("null")
  return states
}

/** A type whose values may be nothing in so many ways. Presence tells of one; each further one takes a message. */
const withAbsence = (file: File, type: Type, states: ReadonlyArray<Absent>, name: string): Type => {
  const [absent, ...more] = states
  if (absent === undefined) return type
  const inner = withAbsence(file, type, more, name)
  const kind = inner.label === "plain" ? inner.kind : nested(box(file, {}, `${name}Value`, () => inner)).kind
  return { label: "optional", kind, absent }
}

/** A type of one value: a list or a map is in a message, the same one wherever its schema stands. */
const toSingle = (file: File, parts: Split, name: string, path: Path): Type => {
  const [member, ...others] = parts.members
  if (member === undefined || others.length > 0 || Annotation.bound(member.from) !== undefined) {
    return toType(file, parts, name, path)
  }
  const { encoded } = member
  return isList(encoded) || isMap(encoded)
    ? nested(box(file, encoded, `${name}${isMap(encoded) ? "Map" : "List"}`, () => toType(file, parts, name, path)))
    : toType(file, parts, name, path)
}

/** A value in a place that knows neither absence nor lists: in a list, in a map. */
const toElement = (file: File, ast: SchemaAST.AST, name: string, path: Path): Kind => {
  const parts = split(ast)
  const states = absencesOf(parts)
  const single = toSingle(file, parts, name, path)
  if (states.length === 0 || parts.members.length === 0 && states.length === 1) return single.kind
  return nested(box(file, {}, `${name}Item`, () => withAbsence(file, single, states, name))).kind
}

/** A property or an element: a field, a constant, or nothing where no value can be. */
const addField = (
  file: File,
  draft: Draft,
  key: string | number,
  ast: SchemaAST.AST,
  path: Path
): Array<DraftField> => {
  const parts = split(ast)
  const number = Annotation.fieldNumber(ast)
  const absences = absencesOf(parts)
  // What may be missing and may be `undefined` is either, but only one of them.
  const states = isOptional(ast) ? ["missing" as const, ...absences.filter((state) => state === "null")] : absences
  const constant = number === undefined ? constantOf(parts, states) : undefined
  if (constant !== undefined) draft.constants.push({ key, literal: constant.literal })
  if (constant !== undefined || parts.members.length === 0 && states.length === 1) return []
  const fieldName = typeof key === "number" ? `item_${key + 1}` : snake(key)
  const name = `${draft.name}${pascal(fieldName)}`
  const type = states.length === 0
    ? toType(file, parts, name, path)
    : withAbsence(file, toSingle(file, parts, name, path), states, name)
  return [{ ...type, key, name: fieldName, number }]
}

/** A value that every message of a type has, so that no message must carry it. */
const constantOf = ({ members }: Split, states: ReadonlyArray<Absent>): Pick<Constant, "literal"> | undefined => {
  if (members.length === 0 && states.length === 1 && states[0] !== "missing") {
    return { literal: states[0] === "null" ? null : undefined }
  }
  if (members.length !== 1 || states.length > 0) return undefined
  const [{ encoded }] = members
  return encoded._tag === "Literal" ? { literal: encoded.literal } : undefined
}

const toType = (file: File, parts: Split, name: string, path: Path): Type => {
  if (parts.members.length === 0) {
    if (!parts.null && !parts.undefined) throw new Unmappable(path, "no value can be of type never")
    return plain({ _tag: "Known", known: parts.null ? "Null" : "Empty" })
  }
  const alternatives = choose(parts.members)
  const own = nameOf(parts.identifier, name)
  if (alternatives.length === 1) return toSole(file, alternatives[0].members, parts.identity, own, path)
  return nested(
    once(
      file,
      parts.identity,
      own,
      "choice",
      path,
      (draft) => alternatives.map((alternative) => toMember(file, draft, alternative, [...path, alternative.name]))
    )
  )
}

/** A member of a choice. */
const toMember = (file: File, draft: Draft, { members, name, test }: Alternative, path: Path): DraftField => {
  const identifier = members.length === 1 ? identifierOf(members[0]) : undefined
  const parts: Split = { members, identity: members, identifier, undefined: false, null: false }
  const { absent, kind, label } = toSingle(file, parts, `${draft.name}${pascal(name)}`, path)
  const number = members.map(({ from }) => Annotation.fieldNumber(from)).find((said) => said !== undefined)
  return { key: name, name: snake(name), number, label, absent, kind, test }
}

/** The type of what is no choice: one schema, or several of the same primitive type. */
const toSole = (
  file: File,
  members: ReadonlyArray<Member>,
  identity: unknown,
  name: string,
  path: Path
): Type => {
  const [{ encoded, from }] = members
  const bound = Annotation.bound(from)
  if (bound !== undefined) return nested(bound)
  const enumeration = file.enumerations.get(identity) ?? enumerationOf(members, () => file.names(name), file.valueNames)
  if (enumeration !== undefined) {
    file.enumerations.set(identity, enumeration)
    return plain({ _tag: "Enum", enumeration })
  }
  const scalar = scalarKind(members, path)
  if (scalar !== undefined) return plain(scalar)
  const known = knownOf(encoded)
  if (known !== undefined && known !== "bytes") return plain({ _tag: "Known", known })
  switch (encoded._tag) {
    case "Objects":
      return ofObject(file, encoded, name, path)
    case "Arrays":
      return ofArray(file, encoded, name, path)
    case "Any":
      return plain({ _tag: "Known", known: "Value" })
    default:
      throw new Unmappable(path, `a schema of kind ${encoded._tag} has no form in protobuf`)
  }
}

const ofObject = (file: File, ast: SchemaAST.Objects, name: string, path: Path): Type => {
  const { indexSignatures: [index, ...more], propertySignatures } = ast
  if (more.length > 0) throw new Unmappable(path, "a record with several kinds of keys has no form in protobuf")
  const values = () => toElement(file, index.type, name, [...path, "*"])
  if (isMap(ast)) return { label: "map", kind: values(), absent: "missing" }
  const identity = propertySignatures.length === 0 ? ast : propertySignatures
  return nested(once(file, identity, name, "struct", path, (draft) => {
    const fields = propertySignatures.flatMap(({ name: key, type }) => {
      if (typeof key === "symbol") throw new Unmappable(path, `the key ${String(key)} has no form in protobuf`)
      return addField(file, draft, String(key), type, [...path, String(key)])
    })
    return index === undefined ? fields : [...fields, restField("map", values())]
  }))
}

const ofArray = (file: File, ast: SchemaAST.Arrays, name: string, path: Path): Type => {
  const { elements, rest: [rest, ...after] } = ast
  if (after.length > 0) throw new Unmappable(path, "elements after a list of any length have no form in protobuf")
  const items = () => toElement(file, rest, name, [...path, "*"])
  if (isList(ast)) return { label: "repeated", kind: items(), absent: "missing" }
  const identity = elements.length === 0 ? ast : elements
  return nested(once(file, identity, name, "tuple", path, (draft) => {
    const fields = elements.flatMap((element, index) => addField(file, draft, index, element, [...path, index]))
    return rest === undefined ? fields : [...fields, restField("repeated", items())]
  }))
}

const restField = (label: Label, kind: Kind): DraftField => ({
  key: restKey,
  name: "rest",
  number: undefined,
  label,
  absent: "missing",
  kind
})

/** The name that a schema has of itself, else the one that its place gives it. */
const nameOf = (identifier: string | undefined, place: string): string =>
  identifier === undefined ? place : pascal(lastOf(identifier))
