/**
 * Messages, fields and enums: what a `.proto` file can say, and how each stands to a JavaScript value.
 *
 * A message is built in two steps, empty and then with its fields, so that it can hold itself; from then on nothing
 * changes it.
 */

/** The scalar types of protobuf. */
export type Scalar =
  | "double"
  | "float"
  | "int32"
  | "int64"
  | "uint32"
  | "uint64"
  | "sint32"
  | "sint64"
  | "fixed32"
  | "fixed64"
  | "sfixed32"
  | "sfixed64"
  | "bool"
  | "string"
  | "bytes"

/** Types that every implementation of protobuf knows; the name says the JavaScript side where there are two. */
export type Known = "Timestamp" | "UtcTimestamp" | "Duration" | "Value" | "Empty" | "Null"

/** What one value of a field is. */
export type Kind =
  /** `big` is a `bigint` in JavaScript. */
  | { readonly _tag: "Scalar"; readonly scalar: Scalar; readonly big: boolean }
  | { readonly _tag: "Enum"; readonly enumeration: Enumeration }
  | { readonly _tag: "Known"; readonly known: Known }
  | { readonly _tag: "Message"; readonly message: Message }

/** Names for numbers, and the literals that they stand for. Zero may stand for none: nothing was said. */
export interface Enumeration {
  readonly name: string
  readonly values: ReadonlyArray<EnumerationValue>
}

export interface EnumerationValue {
  readonly name: string
  readonly number: number
  readonly literal: string | number | undefined
}

/**
 * How many values a field has. A `plain` scalar that is not there is zero, empty or false; an `optional` one is not
 * there; a `plain` message must be there.
 */
export type Label = "plain" | "optional" | "repeated" | "map"

export interface Field {
  /** Where the value lies in JavaScript: a property, a place in a tuple. */
  readonly key: string | number
  readonly name: string
  readonly number: number
  readonly kind: Kind
  readonly label: Label
  /** What stands for an optional value that is not there. */
  readonly absent: Absent
  /** How a value is told from those of the other members of a choice. */
  readonly test?: Test | undefined
}

export type Absent = "missing" | "undefined" | "null"

export type Test =
  | { readonly _tag: "TypeOf"; readonly type: "string" | "number" | "boolean" | "bigint" }
  | { readonly _tag: "Sentinel"; readonly key: string; readonly literal: Literal }
  | { readonly _tag: "Guard"; readonly is: (value: unknown) => boolean }

export type Literal = string | number | boolean | bigint

/**
 * How a message stands to its value: an object, an array, the only field's value itself, or the value of one member of
 * a choice.
 */
export type Shape = "struct" | "tuple" | "box" | "choice"

export interface Message {
  readonly name: string
  readonly shape: Shape
  readonly fields: ReadonlyArray<Field>
  /** What every value has and no wire carries, such as a tag. */
  readonly constants: ReadonlyArray<Constant>
  /** The field of a struct that holds the properties it does not name, or of a tuple the elements after the last. */
  readonly rest: Field | undefined
  /** The file that has it, where that is not the one being written. */
  readonly file: string | undefined
}

export interface Constant {
  readonly key: string | number
  readonly literal: Literal | null | undefined
}

/** The names of a message type that is not of this file, and the file that has it. */
export const known: Readonly<Record<Known, { readonly type: string; readonly file: string }>> = {
  Timestamp: { type: "google.protobuf.Timestamp", file: "google/protobuf/timestamp.proto" },
  UtcTimestamp: { type: "google.protobuf.Timestamp", file: "google/protobuf/timestamp.proto" },
  Duration: { type: "google.protobuf.Duration", file: "google/protobuf/duration.proto" },
  Value: { type: "google.protobuf.Value", file: "google/protobuf/struct.proto" },
  Empty: { type: "google.protobuf.Empty", file: "google/protobuf/empty.proto" },
  Null: { type: "google.protobuf.Empty", file: "google/protobuf/empty.proto" }
}

/** The type as a `.proto` file writes it. */
export const typeName = (kind: Kind): string => {
  switch (kind._tag) {
    case "Scalar":
      return kind.scalar
    case "Enum":
      return kind.enumeration.name
    case "Known":
      return known[kind.known].type
    case "Message":
      return kind.message.name
  }
}

/** Whether a value is bytes of its own on the wire, with a length before them. */
export const isNested = (kind: Kind): boolean => kind._tag === "Message" || kind._tag === "Known"

const wireTypes: Readonly<Record<Scalar, number>> = {
  double: 1,
  float: 5,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  sint32: 0,
  sint64: 0,
  fixed32: 5,
  fixed64: 1,
  sfixed32: 5,
  sfixed64: 1,
  bool: 0,
  string: 2,
  bytes: 2
}

/** The wire type of one value: 0 is a varint, 1 is 8 bytes, 2 has a length, 5 is 4 bytes. */
export const wireType = (kind: Kind): number =>
  kind._tag === "Scalar" ? wireTypes[kind.scalar] : kind._tag === "Enum" ? 0 : 2

/** Whether many values are written into one field. */
export const isPacked = ({ kind, label }: Field): boolean => label === "repeated" && wireType(kind) !== 2

/** Every message that can be reached, each once, in the order it is met. */
export const reachable = (root: Message): ReadonlyArray<Message> => {
  const seen = new Set<Message>()
  const visit = (message: Message): void => {
    if (seen.has(message)) return
    seen.add(message)
    for (const { kind } of message.fields) if (kind._tag === "Message") visit(kind.message)
  }
  visit(root)
  return [...seen]
}
