/**
 * The two directions of a codec between values and plain data, compiled.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Jit from "effect/schema/SchemaJITCompiler"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { CodecError, Wire } from "../../Codec.ts"
import * as Shortcut from "./shortcut.ts"

/** One direction: it checks and it changes. */
export type Transform = (value: unknown) => Exit.Exit<unknown, SchemaIssue.Issue>

/** Values to plain data, and back. */
export interface Transforms {
  readonly encode: Transform
  readonly decode: Transform
}

/** Compiles a codec whose encoded side is plain data; the same codec once, whatever the formats that use it. */
export const make = (codec: Wire): Transforms => {
  const known = compiled.get(codec.ast)
  if (known !== undefined) return known
  const transforms = compile(codec)
  compiled.set(codec.ast, transforms)
  return transforms
}

/** Says that a coding failed, and why. */
export type Fail = (problem: string) => Exit.Exit<never, CodecError>

/** Refuses with the issue's text. What is no issue is a mistake in the schema, and dies; but for an exhausted stack. */
export const refuse = (
  cause: Cause.Cause<SchemaIssue.Issue>,
  fail: Fail
): Exit.Exit<never, CodecError> => {
  const issue = Cause.findError(cause)
  if (issue._tag === "Success") return fail(explain(issue.success))
  const defect = Cause.squash(cause)
  return defect instanceof RangeError ? fail(String(defect)) : Exit.failCause(issue.failure)
}

// ---------------------------------------------------------------------------------------------------------------------

const compiled = new WeakMap<SchemaAST.AST, Transforms>()

const compile = (codec: Wire): Transforms => {
  // Each direction is compiled by itself, and before the parsers below resolve it: a parser keeps what it found.
  Jit.enable(codec.ast)
  Jit.enable(SchemaAST.flip(codec.ast))
  const encode = SchemaParser.encodeUnknownExit(codec)
  const decode = SchemaParser.decodeUnknownExit(codec)
  const shortcut = Shortcut.make(codec)
  if (shortcut === undefined) return { encode, decode }
  Jit.enable(shortcut.ast)
  const short = SchemaParser.decodeUnknownExit(shortcut)
  return { encode: either(short, encode), decode: either(short, decode) }
}

const either = (short: Transform, long: Transform): Transform => (value) => {
  const exit = short(value)
  return exit._tag === "Success" ? exit : long(value)
}

const explain = SchemaIssue.makeFormatterDefault()
