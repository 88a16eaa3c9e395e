/**
 * `google.protobuf.Value`: any JSON.
 */
import type { Reader, Writer } from "protobufjs/minimal.js"
import type { WellKnown } from "./wellKnown.ts"
import * as Wire from "./wire.ts"

/** Any JSON. A list or an object is two messages, and so takes two of the depth that is left. */
export const value: WellKnown<unknown> = {
  write: (writer, value, depth) => {
    if (depth < 0) throw Wire.tooDeep()
    switch (typeof value) {
      case "number":
        return void writer.uint32(17).double(value)
      case "string":
        return Wire.writeString(writer.uint32(26), value)
      case "boolean":
        return void writer.uint32(32).bool(value)
      case "object":
        return writeObject(writer, value, depth)
      default:
        throw Wire.expected("JSON", typeof value)
    }
  },
  read: (reader, depth) => {
    if (depth < 0) throw Wire.tooDeep()
    // A value that says nothing is `null`, as other readers take it.
    let value: unknown = null
    while (reader.pos < reader.len) {
      const tag = reader.tag()
      switch (tag) {
        case 8:
          reader.int32()
          value = null
          continue
        case 17:
          value = readNumber(reader)
          continue
        case 26:
          value = Wire.readString(reader)
          continue
        case 32:
          value = reader.bool()
          continue
        case 42:
          value = readNested(reader, depth, readStruct)
          continue
        case 50:
          value = readNested(reader, depth, readList)
          continue
        default:
          Wire.skip(reader, tag, types)
      }
    }
    return value
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const types = ["", "an enum", "double", "string", "bool", "google.protobuf.Struct", "google.protobuf.ListValue"]

const readNumber = (reader: Reader): number => {
  const number = reader.double()
  if (!Number.isFinite(number)) throw Wire.expected("a number of JSON", number)
  return number
}

const writeObject = (writer: Writer, object: object | null, depth: number): void => {
  if (object === null) return void writer.uint32(8).uint32(0)
  writer.uint32(Array.isArray(object) ? 50 : 42).fork()
  if (Array.isArray(object)) { for (const [index, item] of object.entries()) writeItem(writer, item, depth, index) }
  else for (const [key, item] of Object.entries(object)) writeEntry(writer, key, item, depth)
  writer.ldelim()
}

const writeItem = (writer: Writer, item: unknown, depth: number, key: string | number): void => {
  writer.uint32(typeof key === "string" ? 18 : 10).fork()
  try {
    value.write(writer, item, depth - 2)
  } catch (error) {
    throw Wire.within(error, key)
  }
  writer.ldelim()
}

const writeEntry = (writer: Writer, key: string, item: unknown, depth: number): void => {
  writer.uint32(10).fork()
  Wire.writeString(writer.uint32(10), key)
  writeItem(writer, item, depth, key)
  writer.ldelim()
}

/** What is in the message that begins here. */
const readNested = <A>(reader: Reader, depth: number, read: (reader: Reader, depth: number) => A): A => {
  const outer = Wire.enter(reader)
  const inner = read(reader, depth)
  reader.len = outer
  return inner
}

const readItem = (reader: Reader, depth: number): unknown => readNested(reader, depth - 2, value.read)

const readList = (reader: Reader, depth: number): ReadonlyArray<unknown> => {
  const list: Array<unknown> = []
  try {
    while (reader.pos < reader.len) {
      const tag = reader.tag()
      if (tag === 10) list.push(readItem(reader, depth))
      else Wire.skip(reader, tag, ["", "google.protobuf.Value"])
    }
  } catch (error) {
    throw Wire.within(error, list.length)
  }
  return list
}

const readStruct = (reader: Reader, depth: number): Record<string, unknown> => {
  const struct: Record<string, unknown> = {}
  while (reader.pos < reader.len) {
    const tag = reader.tag()
    if (tag === 10) readNested(reader, depth, (reader) => readEntry(reader, struct, depth))
    else Wire.skip(reader, tag, ["", "an entry of a map"])
  }
  return struct
}

const readEntry = (reader: Reader, struct: Record<string, unknown>, depth: number): void => {
  let key = ""
  let item: unknown = null
  try {
    while (reader.pos < reader.len) {
      const tag = reader.tag()
      if (tag === 10) key = Wire.readString(reader)
      else if (tag === 18) item = readItem(reader, depth)
      else Wire.skip(reader, tag, ["", "string", "google.protobuf.Value"])
    }
  } catch (error) {
    throw Wire.within(error, key)
  }
  Wire.put(struct, key, item)
}
