/**
 * Contracts as `google.protobuf.FileDescriptorProto`: what a printed `.proto` file says, for programs to read.
 */
import type { Enumeration, Field, Kind, Message, Scalar } from "../../protobuf/model.ts"
import { typeName } from "../../protobuf/model.ts"
import { choiceName } from "../../protobuf/numbering.ts"
import type { Outline, Service } from "../../protobuf/outline.ts"
import { contentsOf } from "../../protobuf/printing.ts"
import * as Fields from "../fields.ts"

/** A file, and what can be asked for in it. */
export interface File {
  readonly name: string
  /** As bytes. */
  readonly descriptor: Uint8Array
  readonly imports: ReadonlyArray<string>
  /** The full names of its services. */
  readonly services: ReadonlyArray<string>
  /** The full names of all that it has: services, methods, messages, enums. */
  readonly symbols: ReadonlyArray<string>
}

/** The file that is printed of a contract. */
export const ofOutline = (outline: Outline): File => {
  const { enumerations, imports, messages } = contentsOf(outline)
  const within = (name: string) => `${outline.package}.${name}`
  const services = outline.services.map(({ name }) => within(name))
  // What was bound to the same type twice is there once.
  const once = <A extends { readonly name: string }>(all: ReadonlyArray<A>) =>
    Array.from(new Map(all.map((one) => [one.name, one])).values())
  const [types, enums] = [once(messages), once(enumerations)]
  return {
    name: `${outline.package}.proto`,
    imports,
    services,
    symbols: [
      ...services,
      ...outline.services.flatMap(({ methods, name }) => methods.map((method) => within(`${name}.${method.name}`))),
      ...[...types, ...enums].map(({ name }) => within(name))
    ],
    descriptor: Buffer.concat([
      Fields.bytes(1, `${outline.package}.proto`),
      Fields.bytes(2, outline.package),
      ...imports.map((file) => Fields.bytes(3, file)),
      ...types.map((message) => Fields.bytes(4, ofMessage(outline.package, message))),
      ...enums.map((enumeration) => Fields.bytes(5, ofEnumeration(enumeration))),
      ...outline.services.map((service) => Fields.bytes(6, ofService(outline.package, service))),
      Fields.bytes(12, "proto3")
    ])
  }
}

/** A field of a message. Types outside of the file are named in full. */
export const field = (options: {
  readonly name: string
  readonly number: number
  readonly type: number
  readonly typeName?: string | undefined
  readonly repeated?: boolean | undefined
  readonly oneof?: number | undefined
  readonly optional?: boolean | undefined
}): Buffer =>
  Buffer.concat([
    Fields.bytes(1, options.name),
    Fields.number(3, options.number),
    Fields.number(4, options.repeated === true ? 3 : 1),
    Fields.number(5, options.type),
    ...options.typeName === undefined ? [] : [Fields.bytes(6, options.typeName)],
    ...options.oneof === undefined ? [] : [Fields.number(9, options.oneof)],
    ...options.optional === true ? [Fields.number(17, 1)] : []
  ])

/** The numbers of the types that have names of their own. */
export const Type = { Message: 11, Enum: 14 } as const

/** The numbers of the others. */
export const scalars: Readonly<Record<Scalar, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18
}

// ---------------------------------------------------------------------------------------------------------------------

const ofMessage = (pack: string, { fields, name, shape }: Message): Buffer => {
  const sorted = fields.toSorted((a, b) => a.number - b.number)
  // An optional field is the only one of a choice that nobody wrote.
  const choices = shape === "choice"
    ? [choiceName]
    : sorted.filter(({ label }) => label === "optional").map(({ name }) => `_${name}`)
  return Buffer.concat([
    Fields.bytes(1, name),
    ...sorted.map((field) =>
      Fields.bytes(2, ofField(pack, name, field, shape === "choice" ? 0 : choices.indexOf(`_${field.name}`)))
    ),
    ...sorted.filter(({ label }) => label === "map").map((field) => Fields.bytes(3, ofEntry(pack, field))),
    ...choices.map((choice) => Fields.bytes(8, Fields.bytes(1, choice)))
  ])
}

const ofField = (pack: string, message: string, { kind, label, name, number }: Field, oneof: number): Buffer =>
  field({
    name,
    number,
    ...label === "map" ? { type: Type.Message, typeName: `.${pack}.${message}.${entryName(name)}` } : typed(pack, kind),
    repeated: label === "repeated" || label === "map",
    oneof: oneof === -1 ? undefined : oneof,
    optional: label === "optional"
  })

const typed = (pack: string, kind: Kind): { readonly type: number; readonly typeName?: string } => {
  if (kind._tag === "Scalar") return { type: scalars[kind.scalar] }
  const name = typeName(kind)
  // One that another file has is named in full already.
  const isOwn = kind._tag === "Enum" || (kind._tag === "Message" && kind.message.file === undefined)
  return { type: kind._tag === "Enum" ? Type.Enum : Type.Message, typeName: isOwn ? `.${pack}.${name}` : `.${name}` }
}

/** A map is a list of messages that nobody wrote, each a key and its value. */
const ofEntry = (pack: string, { kind, name }: Field): Buffer =>
  Buffer.concat([
    Fields.bytes(1, entryName(name)),
    Fields.bytes(2, field({ name: "key", number: 1, type: scalars.string })),
    Fields.bytes(2, field({ name: "value", number: 2, ...typed(pack, kind) })),
    Fields.bytes(7, Fields.number(7, 1))
  ])

const entryName = (name: string): string =>
  `${name.replace(/(^|_)([a-z0-9])/g, (_, _bar, letter: string) => letter.toUpperCase())}Entry`

const ofEnumeration = ({ name, values }: Enumeration): Buffer =>
  Buffer.concat([
    Fields.bytes(1, name),
    ...values.map(({ name, number }) =>
      Fields.bytes(2, Buffer.concat([Fields.bytes(1, name), Fields.number(2, number)]))
    )
  ])

const ofService = (pack: string, { methods, name }: Service): Buffer =>
  Buffer.concat([
    Fields.bytes(1, name),
    ...methods.map(({ name, payload, success }) =>
      Fields.bytes(
        2,
        Buffer.concat([
          Fields.bytes(1, name),
          Fields.bytes(2, typed(pack, payload.root).typeName ?? ""),
          Fields.bytes(3, typed(pack, success.root).typeName ?? ""),
          ...payload.streamed ? [Fields.number(5, 1)] : [],
          ...success.streamed ? [Fields.number(6, 1)] : []
        ])
      )
    )
  ])
