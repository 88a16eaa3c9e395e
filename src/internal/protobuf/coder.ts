/**
 * Coders: a schema's check and transformation on one side, its message on the other.
 */
import * as Exit from "effect/Exit"
import * as Jit from "effect/schema/SchemaJITCompiler"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type { Coder, Wire } from "../../Codec.ts"
import * as Parts from "../codec/coder.ts"
import type * as Transforms from "../json/transforms.ts"
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
  return Parts.make({ contentType, maxBytes, transforms: makeTransforms(schema), read, write, explain })
}

// ---------------------------------------------------------------------------------------------------------------------

/** Both directions between a value and what its message holds. Both check. */
const makeTransforms = (schema: Wire): Transforms.Transforms => {
  const codec = toPlain(schema)
  // Each direction is compiled by itself, and before the parsers below resolve it: a parser keeps what it found.
  Jit.enable(codec.ast)
  Jit.enable(SchemaAST.flip(codec.ast))
  const encode = SchemaParser.encodeUnknownExit(codec)
  const decode = SchemaParser.decodeUnknownExit(codec)
  if (!isPlain(codec.ast)) return { encode, decode }
  // Where nothing is transformed a check is enough: what it finds wrong, the parser can explain.
  const is = makeGuard(codec)
  return {
    encode: (value) => is(value) ? Exit.succeed(value) : encode(value),
    decode: isSure(codec.ast) ? Exit.succeed : (value) => is(value) ? Exit.succeed(value) : decode(value)
  }
}

const makeGuard = (codec: Wire): (value: unknown) => boolean => {
  Jit.enable(SchemaAST.toType(codec.ast))
  const is = SchemaParser.is(codec)
  return (value) => {
    try {
      return is(value)
    } catch {
      // A check that throws, or a value that exhausts the stack: whatever it is, the parser meets it too.
      return false
    }
  }
}

const explain = (error: unknown, fail: Transforms.Fail): ReturnType<Transforms.Fail> => {
  if (!(error instanceof Broken)) return Exit.die(error)
  return fail(error.path.length === 0 ? error.problem : `${error.problem}\n  at ${show(error.path)}`)
}
