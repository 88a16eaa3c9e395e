/**
 * `grpc.reflection.v1.ServerReflection`: what a server can be asked, told to who does not know.
 *
 * A question is one message, and so is its answer; a call goes on for as long as somebody asks.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Exchange, failure, type Reply } from "../../../Transport.ts"
import * as Fields from "../fields.ts"
import { Code } from "../statusCodes.ts"
import type { File } from "./descriptor.ts"

/** The packages that it is a part of, which are services to us: what is asked and answered is the same in both. */
export const services: ReadonlyArray<string> = ["grpc.reflection.v1", "grpc.reflection.v1alpha"]

/** Answers out of files. */
export const make = (files: ReadonlyArray<File>): Exchange => {
  const stream: Exchange["stream"] = (call, messages) => {
    if (call.method !== "ServerReflection.ServerReflectionInfo") {
      return Stream.succeed(failure("Unimplemented", `${call.service} has no method ${call.method}`))
    }
    if (call.contentType !== "application/protobuf") {
      return Stream.succeed(failure("Malformed", "Services are described in protobuf alone"))
    }
    const questions = messages instanceof Uint8Array ? Stream.succeed(messages) : messages
    return Stream.map(questions, (message) => reply(files, message))
  }
  return {
    stream,
    unary: (call, message) =>
      Effect.map(Stream.runHead(stream(call, message)), (first) => first._tag === "Some" ? first.value : nothing)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const nothing = failure("Defect", "There is no answer")

const Asked = { FileByName: 3, FileOfSymbol: 4, Extension: 5, ExtensionsOf: 6, List: 7 } as const

const reply = (files: ReadonlyArray<File>, message: Uint8Array): Reply => {
  const fields = Fields.read(message)
  if (fields === undefined) return failure("Malformed", "This is no ServerReflectionRequest")
  return Buffer.concat([Fields.bytes(1, Fields.text(fields, 1)), Fields.bytes(2, message), answer(files, fields)])
}

const answer = (files: ReadonlyArray<File>, fields: ReadonlyArray<Fields.Field>): Buffer => {
  const asked = fields.findLast(([number]) => number >= Asked.FileByName && number <= Asked.List)?.[0]
  const what = asked === undefined ? "" : Fields.text(fields, asked)
  switch (asked) {
    case Asked.FileByName:
      return described(files, files.find(({ name }) => name === what), what)
    case Asked.FileOfSymbol:
      return described(files, files.find(({ symbols }) => symbols.includes(what)), what)
    case Asked.List:
      return Fields.bytes(
        6,
        Buffer.concat(
          files.flatMap(({ services }) => services).toSorted().map((name) => Fields.bytes(1, Fields.bytes(1, name)))
        )
      )
    case Asked.Extension:
    case Asked.ExtensionsOf:
      return problem(Code.NotFound, "There are no extensions")
    default:
      return problem(Code.Unimplemented, "This is no question that is known here")
  }
}

/** A file with all that it imports, so that nobody has to ask again; one that is not here is missing. */
const described = (files: ReadonlyArray<File>, file: File | undefined, what: string): Buffer =>
  file === undefined
    ? problem(Code.NotFound, `${what} is not known here`)
    : Fields.bytes(
      4,
      Buffer.concat(
        [file, ...files.filter(({ name }) => file.imports.includes(name))].map(({ descriptor }) =>
          Fields.bytes(1, descriptor)
        )
      )
    )

const problem = (code: number, message: string): Buffer =>
  Fields.bytes(7, Buffer.concat([Fields.number(1, code), Fields.bytes(2, message)]))
