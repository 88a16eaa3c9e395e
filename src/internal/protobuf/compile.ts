/**
 * The writer and the reader of a message, generated once.
 *
 * Generated code is what makes protobuf quick in JavaScript, and what protobufjs does too: a field is then a few
 * instructions, with its number and its type written out, where an interpreter would look them up for each value.
 */
import { Reader, Writer } from "protobufjs/minimal.js"
import { value } from "./json.ts"
import type { Root } from "./mapping.ts"
import { reachable } from "./model.ts"
import { reading } from "./reading.ts"
import { knownName, makeScope } from "./source.ts"
import { duration, makeEmpty, timestamp, utcTimestamp, type WellKnown } from "./wellKnown.ts"
import * as Wire from "./wire.ts"
import { writing } from "./writing.ts"

/** Both directions of a message. Both throw `Broken`. */
export interface Compiled {
  readonly write: (value: unknown) => Uint8Array
  readonly read: (bytes: Uint8Array) => unknown
}

/** A message's writer and reader, which go `maxDepth` messages deep. */
export const compile = (root: Root, maxDepth: number): Compiled => {
  const { read, write } = root._tag === "Known" ? wellKnown[root.known] : generate(root)
  return {
    write: (value) => {
      const writer = take()
      write(writer, value, maxDepth)
      const bytes = writer.finish()
      give(writer)
      return bytes
    },
    read: (bytes) => read(new Reader(bytes), maxDepth)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const wellKnown: Readonly<Record<string, WellKnown<any>>> = {
  Timestamp: timestamp,
  UtcTimestamp: utcTimestamp,
  Duration: duration,
  Value: value,
  Empty: makeEmpty(undefined),
  Null: makeEmpty(null)
}

const generate = (root: Extract<Root, { readonly _tag: "Message" }>): WellKnown<unknown> => {
  const messages = reachable(root.message)
  const scope = makeScope(messages)
  const functions = messages.flatMap((message) => [writing(scope, message), reading(scope, message)])
  const bound = new Map([...vocabulary, ...scope.bound])
  const source = `"use strict";\n${functions.join("\n")}\nreturn { write: w0, read: r0 }`
  // Nothing in the source is of a message: it is made of a schema alone, and names come in as literals.
  return new Function(...bound.keys(), source)(...bound.values())
}

const readEnum = (reader: Reader, literals: ReadonlyMap<number, unknown>, expected: string): unknown => {
  const number = reader.int32()
  const literal = literals.get(number)
  if (literal === undefined) throw Wire.expected(expected, number)
  return literal
}

/** What generated code can name, besides what belongs to its schema. */
const vocabulary: ReadonlyArray<readonly [string, unknown]> = [
  ...Object.entries(Wire),
  ...Object.entries(wellKnown).map(([known, type]) => [knownName({ known } as never), type] as const),
  ["readEnum", readEnum],
  ["twice", () => new Wire.Broken("A message is given twice")],
  ["entryTypes", ["", "string", "the value of a map"]],
  ["noBytes", new Uint8Array(0)]
]

// A writer grows as it writes, and is kept for the next message; one that failed midway is not. It is taken away while
// it writes: a getter of the value might itself encode.
let idle: Writer | undefined

/** Longest buffer that is kept for the next message. */
const maxIdle = 64 * 1024

const take = (): Writer => {
  const writer = idle ?? Writer.create()
  idle = undefined
  return writer
}

const give = (writer: Writer): void => {
  if (writer.buf.length <= maxIdle) idle = writer.reset()
}
