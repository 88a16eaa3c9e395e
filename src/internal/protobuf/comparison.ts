/**
 * What changes between two versions of a message, and whom it breaks.
 */
import type { Root } from "./mapping.ts"
import { type Enumeration, type Field, isNested, type Kind, type Message, type Scalar, typeName } from "./model.ts"
import type { Method, Outline, Side } from "./outline.ts"

/** Old readers read what the later version writes, new readers what the earlier one wrote. */
export type Reader = "old readers" | "new readers"

export interface Change {
  /** Where: a method, and the fields that lead there. */
  readonly path: ReadonlyArray<string>
  readonly problem: string
  /** Nobody, where it is only to be known. */
  readonly breaks: ReadonlyArray<Reader>
}

/** The changes between two contracts. */
export const ofOutlines = (before: Outline, after: Outline): ReadonlyArray<Change> => {
  const old = methodsOf(before)
  const now = methodsOf(after)
  return [
    ...[...old].flatMap(([name, method]) => {
      const other = now.get(name)
      return other === undefined ? [change([name], "the method is gone", old_)] : ofMethods(name, method, other)
    }),
    ...[...now.keys()].filter((name) => !old.has(name)).map((name) => change([name], "the method is new", nobody))
  ]
}

/** The changes between two messages. */
export const ofRoots = (before: Root, after: Root, path: ReadonlyArray<string>): ReadonlyArray<Change> =>
  ofKinds(path, before, after, new Map())

// ---------------------------------------------------------------------------------------------------------------------

/** Pairs of messages that are being compared already: a message may hold itself. */
type Seen = Map<Message, Set<Message>>

const old_: ReadonlyArray<Reader> = ["old readers"]
const new_: ReadonlyArray<Reader> = ["new readers"]
const both: ReadonlyArray<Reader> = ["old readers", "new readers"]
const nobody: ReadonlyArray<Reader> = []

const change = (path: ReadonlyArray<string>, problem: string, breaks: ReadonlyArray<Reader>): Change => ({
  path,
  problem,
  breaks
})

const methodsOf = ({ services }: Outline): ReadonlyMap<string, Method> =>
  new Map(services.flatMap(({ methods, name }) => methods.map((method) => [`${name}.${method.name}`, method])))

const ofMethods = (name: string, before: Method, after: Method): ReadonlyArray<Change> => [
  ...ofSides([name, "payload"], before.payload, after.payload),
  ...ofSides([name, "success"], before.success, after.success),
  ...before.error !== undefined && after.error !== undefined
    ? ofRoots(before.error, after.error, [name, "error"])
    : before.error !== undefined
    ? [change([name, "error"], "the method no longer fails with anything of its own", nobody)]
    : after.error !== undefined
    ? [change([name, "error"], "the method did not fail with anything of its own", old_)]
    : []
]

const ofSides = (path: ReadonlyArray<string>, before: Side, after: Side): ReadonlyArray<Change> =>
  before.streamed !== after.streamed
    ? [change(path, after.streamed ? "one message is now a stream" : "a stream is now one message", both)]
    : ofRoots(before.root, after.root, path)

const ofMessages = (
  path: ReadonlyArray<string>,
  before: Message,
  after: Message,
  seen: Seen
): ReadonlyArray<Change> => {
  const others = seen.get(before) ?? new Set()
  if (others.has(after)) return []
  seen.set(before, others.add(after))
  if ((before.shape === "choice") !== (after.shape === "choice")) {
    return [change(path, `${before.name} is ${after.shape === "choice" ? "now a choice" : "no longer a choice"}`, both)]
  }
  const old = byNumber(before)
  const now = byNumber(after)
  return [
    ...[...old.values()].flatMap((field) => {
      const other = now.get(field.number)
      return other === undefined ? [gone(path, before, field)] : ofFields(path, before, after, field, other, seen)
    }),
    ...[...now.values()].filter(({ number }) => !old.has(number)).map((field) => added(path, after, field))
  ]
}

const byNumber = ({ fields }: Message): ReadonlyMap<number, Field> =>
  new Map(fields.map((field) => [field.number, field]))

/** Whether a reader refuses a message without the field. */
const isNeeded = ({ kind, label }: Field): boolean => label === "plain" && kind._tag !== "Scalar"

const gone = (path: ReadonlyArray<string>, message: Message, field: Field): Change =>
  message.shape === "choice"
    ? change([...path, field.name], `alternative ${field.number} is gone`, new_)
    : change([...path, field.name], `field ${field.number} is gone`, isNeeded(field) ? old_ : nobody)

const added = (path: ReadonlyArray<string>, message: Message, field: Field): Change =>
  message.shape === "choice"
    ? change([...path, field.name], `alternative ${field.number} is new`, old_)
    : change([...path, field.name], `field ${field.number} is new`, isNeeded(field) ? new_ : nobody)

const ofFields = (
  path: ReadonlyArray<string>,
  before: Message,
  after: Message,
  old: Field,
  now: Field,
  seen: Seen
): ReadonlyArray<Change> => {
  const where = [...path, old.name]
  const has = ({ fields }: Message, name: string) => fields.some((field) => field.name === name)
  // A name that stands at another number now did not change: it moved, and its number means something else.
  if (old.name !== now.name && (has(after, old.name) || has(before, now.name))) {
    return [change(where, `field ${old.number} is now ${now.name}`, both)]
  }
  return [
    ...old.name === now.name ? [] : [change(where, `field ${old.number} is now called ${now.name}`, nobody)],
    ...ofLabels(where, old, now),
    ...ofKinds(where, old.kind, now.kind, seen)
  ]
}

const ofLabels = (path: ReadonlyArray<string>, old: Field, now: Field): ReadonlyArray<Change> => {
  if (old.label === now.label) return []
  const isOne = ({ label }: Field) => label === "plain" || label === "optional"
  if (!isOne(old) || !isOne(now)) return [change(path, `was ${words[old.label]}, is ${words[now.label]}`, both)]
  return now.label === "optional"
    ? [change(path, "may now be absent", isNeeded(old) ? old_ : nobody)]
    : [change(path, "may no longer be absent", isNeeded(now) ? new_ : nobody)]
}

const words: Readonly<Record<Field["label"], string>> = {
  plain: "one value",
  optional: "one value",
  repeated: "a list",
  map: "a map"
}

const ofKinds = (path: ReadonlyArray<string>, old: Kind, now: Kind, seen: Seen): ReadonlyArray<Change> => {
  if (old._tag === "Message" && now._tag === "Message") return ofMessages(path, old.message, now.message, seen)
  if (old._tag === "Enum" && now._tag === "Enum") return ofEnumerations(path, old.enumeration, now.enumeration)
  if (typeName(old) === typeName(now) && !isNested(old)) return []
  if (old._tag === "Known" && now._tag === "Known" && typeName(old) === typeName(now)) return []
  const problem = `was ${typeName(old)}, is ${typeName(now)}`
  if (old._tag !== "Scalar" || now._tag !== "Scalar") return [change(path, problem, both)]
  return [change(path, problem, widened(old.scalar, now.scalar) ? old_ : widened(now.scalar, old.scalar) ? new_ : both)]
}

/** Whether the later type is the earlier one with more room, so that only what needs the room is misread. */
const widened = (old: Scalar, now: Scalar): boolean =>
  old === "int32" && now === "int64" || old === "uint32" && now === "uint64" || old === "sint32" && now === "sint64"

const ofEnumerations = (
  path: ReadonlyArray<string>,
  before: Enumeration,
  after: Enumeration
): ReadonlyArray<Change> => {
  const old = new Map(before.values.map(({ literal, number }) => [number, literal]))
  const now = new Map(after.values.map(({ literal, number }) => [number, literal]))
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((number) => {
    const [was, is] = [old.get(number), now.get(number)]
    if (was === is) return []
    if (was === undefined) return [change(path, `${JSON.stringify(is)} is new`, old_)]
    if (is === undefined) return [change(path, `${JSON.stringify(was)} is gone`, new_)]
    return [change(path, `${number} was ${JSON.stringify(was)}, is ${JSON.stringify(is)}`, both)]
  })
}
