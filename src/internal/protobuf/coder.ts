/**
 * Coders: a schema's check and transformation on one side, its message on the other.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Jit from "effect/schema/SchemaJITCompiler"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import { CodecError, type Coder, DecodeFailed, EncodeFailed, type Wire } from "../../Codec.ts"
import { compile } from "./compile.ts"
import { makeFile, toRoot } from "./mapping.ts"
import { isPlain, isSure, toPlain } from "./plain.ts"
import { show } from "./unmappable.ts"
import { Broken } from "./wire.ts"

/** The bounds of a message, and what errors call it. */
export interface Limits {
  readonly contentType: string
  readonly maxBytes: number
  readonly maxDepth: number
}

/** The coder of a schema. Throws `Unmappable`. */
export const makeCoder = <S extends Wire>(schema: S, limits: Limits): Coder<S["Type"]> => {
  const { contentType, maxBytes, maxDepth } = limits
  const { read, write } = compile(toRoot(makeFile(), schema.ast, "Message"), maxDepth)
  const { decode, encode } = makeParsers(schema)
  const encodeFailed = (problem: string): Refusal =>
    Exit.fail(new CodecError({ reason: new EncodeFailed({ contentType, problem: clip(problem) }) }))
  const decodeFailed = (problem: string): Refusal =>
    Exit.fail(new CodecError({ reason: new DecodeFailed({ contentType, problem: clip(problem) }) }))
  const tooLong = ({ length }: Uint8Array) => `The message has ${length} bytes, ${maxBytes} are allowed`
  return {
    encode: (value) => {
      const plain = encode(value)
      if (plain._tag === "Failure") return refuse(plain.cause, encodeFailed)
      let bytes: Uint8Array
      try {
        bytes = write(plain.value)
      } catch (error) {
        return broken(error, encodeFailed)
      }
      return bytes.length > maxBytes ? encodeFailed(tooLong(bytes)) : Exit.succeed(bytes)
    },
    decode: (bytes) => {
      if (bytes.length > maxBytes) return decodeFailed(tooLong(bytes))
      let plain: unknown
      try {
        plain = read(bytes)
      } catch (error) {
        return broken(error, decodeFailed)
      }
      const value = decode(plain)
      return value._tag === "Success" ? value as Exit.Success<S["Type"]> : refuse(value.cause, decodeFailed)
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

type Refusal = Exit.Exit<never, CodecError>

type Parser = (input: unknown) => Exit.Exit<unknown, SchemaIssue.Issue>

/** Both directions between a value and what its message holds. Both check. */
const makeParsers = (schema: Wire): { readonly encode: Parser; readonly decode: Parser } => {
  const codec = toPlain(schema)
  // Each direction is compiled by itself, and before the parsers below resolve it: a parser keeps what it found.
  Jit.enable(codec.ast)
  Jit.enable(SchemaAST.flip(codec.ast))
  const encode = SchemaParser.encodeUnknownExit(codec)
  const decode = SchemaParser.decodeUnknownExit(codec)
  if (!isPlain(codec.ast)) return { encode, decode }
  // Where nothing is transformed a check is enough: what it finds wrong, the parser can explain.
  Jit.enable(SchemaAST.toType(codec.ast))
  const is = SchemaParser.is(codec)
  const check = (input: unknown): boolean => {
    try {
      return is(input)
    } catch {
      return false
    }
  }
  return {
    encode: (input) => check(input) ? Exit.succeed(input) : encode(input),
    decode: isSure(codec.ast) ? Exit.succeed : (input) => check(input) ? Exit.succeed(input) : decode(input)
  }
}

/** The issue's text. What is no issue is a mistake in the schema, and dies; but for a value that exhausts the stack. */
const refuse = (cause: Cause.Cause<SchemaIssue.Issue>, fail: (problem: string) => Refusal): Refusal => {
  const issue = Cause.findError(cause)
  if (issue._tag === "Success") return fail(explain(issue.success))
  const defect = Cause.squash(cause)
  return defect instanceof RangeError ? fail(String(defect)) : Exit.failCause(issue.failure)
}

const broken = (error: unknown, fail: (problem: string) => Refusal): Refusal => {
  if (!(error instanceof Broken)) return Exit.die(error)
  return fail(error.path.length === 0 ? error.problem : `${error.problem}\n  at ${show(error.path)}`)
}

const explain = SchemaIssue.makeFormatterDefault()

// An issue quotes what it met, and the text travels back to the caller.
const maxProblem = 1024

const clip = (problem: string): string => problem.length > maxProblem ? `${problem.slice(0, maxProblem)}…` : problem
