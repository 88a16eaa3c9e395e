/**
 * The files of Google's that a contract may import, with as much of them as contracts use.
 */
import * as Fields from "../fields.ts"
import { field, type File, scalars, Type } from "./descriptor.ts"

type Member = Parameters<typeof field>[0]

const pack = "google.protobuf"

const message = (name: string, members: ReadonlyArray<Member>, ...rest: ReadonlyArray<Buffer>) => ({
  name,
  bytes: Buffer.concat([Fields.bytes(1, name), ...members.map((member) => Fields.bytes(2, field(member))), ...rest])
})

const file = (name: string, messages: ReadonlyArray<ReturnType<typeof message>>, enums: ReadonlyArray<string> = []) => {
  const full = `google/protobuf/${name}.proto`
  return {
    name: full,
    imports: [],
    services: [],
    symbols: [...messages.map(({ name }) => `${pack}.${name}`), ...enums.map((name) => `${pack}.${name}`)],
    descriptor: Buffer.concat([
      Fields.bytes(1, full),
      Fields.bytes(2, pack),
      ...messages.map(({ bytes }) => Fields.bytes(4, bytes)),
      ...enums.map((name) =>
        Fields.bytes(
          5,
          Buffer.concat([
            Fields.bytes(1, name),
            Fields.bytes(2, Buffer.concat([Fields.bytes(1, "NULL_VALUE"), Fields.number(2, 0)]))
          ])
        )
      ),
      Fields.bytes(12, "proto3")
    ])
  } satisfies File
}

const span: ReadonlyArray<Member> = [
  { name: "seconds", number: 1, type: scalars.int64 },
  { name: "nanos", number: 2, type: scalars.int32 }
]

const entry = Buffer.concat([
  Fields.bytes(1, "FieldsEntry"),
  Fields.bytes(2, field({ name: "key", number: 1, type: scalars.string })),
  Fields.bytes(2, field({ name: "value", number: 2, type: Type.Message, typeName: `.${pack}.Value` })),
  Fields.bytes(7, Fields.number(7, 1))
])

/** All of them. */
export const files: ReadonlyArray<File> = [
  file("timestamp", [message("Timestamp", span)]),
  file("duration", [message("Duration", span)]),
  file("empty", [message("Empty", [])]),
  file("struct", [
    message(
      "Struct",
      [{ name: "fields", number: 1, type: Type.Message, typeName: `.${pack}.Struct.FieldsEntry`, repeated: true }],
      Fields.bytes(3, entry)
    ),
    message("Value", [
      { name: "null_value", number: 1, type: Type.Enum, typeName: `.${pack}.NullValue`, oneof: 0 },
      { name: "number_value", number: 2, type: scalars.double, oneof: 0 },
      { name: "string_value", number: 3, type: scalars.string, oneof: 0 },
      { name: "bool_value", number: 4, type: scalars.bool, oneof: 0 },
      { name: "struct_value", number: 5, type: Type.Message, typeName: `.${pack}.Struct`, oneof: 0 },
      { name: "list_value", number: 6, type: Type.Message, typeName: `.${pack}.ListValue`, oneof: 0 }
    ], Fields.bytes(8, Fields.bytes(1, "kind"))),
    message("ListValue", [
      { name: "values", number: 1, type: Type.Message, typeName: `.${pack}.Value`, repeated: true }
    ])
  ], ["NullValue"])
]
