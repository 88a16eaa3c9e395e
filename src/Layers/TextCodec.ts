/**
 * Text as it is: `text/plain`, in UTF-8.
 *
 * For people with a shell: `curl -d 5 -H 'Content-Type: text/plain'` is a call.
 */
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { Buffer } from "node:buffer"
import * as Codec from "../Codec.ts"
import * as Format from "../internal/codec/format.ts"
import * as Utf8 from "../internal/codec/utf8.ts"

/** The bounds of a message. */
export interface Options {
  /** Longest message that is written or read, in bytes; 16 MiB unless told. */
  readonly maxBytes?: number | undefined
}

/**
 * Text as a format.
 *
 * **Details**
 *
 * It has a form for strings, and for what `Schema.toCodecStringTree` makes one string of: numbers, bigints, booleans,
 * dates, durations. `Schema.Void` is the empty message. All that has fields, and a union of more than literal texts, is
 * refused when its coder is made: where this is the preferred format, when the client or server is built. Behind another
 * format it serves the methods that it can.
 *
 * **Gotchas**
 *
 * The text is the whole message: a line feed at its end, which some tools add, is part of it.
 */
export const format = (options?: Options): Codec.Format =>
  Format.make({
    contentType: "text/plain",
    maxBytes: options?.maxBytes,
    codec: (schema) => {
      const codec = isScalar(schema.ast) ? Schema.toCodecStringTree(schema) : undefined
      if (codec !== undefined && isText(SchemaAST.toEncoded(codec.ast))) return codec
      throw new Error("only a single value is a text by itself")
    },
    write: (text) => write(text),
    read: Utf8.read
  })

/** Speaks text and nothing else: for contracts that need nothing else. */
export const layer = (options?: Options): Layer.Layer<Codec.Codec> => Codec.layer(format(options))

/** Speaks text and nothing else, with the default bounds. */
export const TextCodecLive: Layer.Layer<Codec.Codec> = layer()

// ---------------------------------------------------------------------------------------------------------------------

/** Whether two values never share one text, as `null` and `"null"` would in a union. */
const isScalar = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Union" ? ast.types.every(isLiteralText) : ast._tag !== "Objects" && ast._tag !== "Arrays"

const isText = (ast: SchemaAST.AST): boolean =>
  ast._tag === "String" || ast._tag === "TemplateLiteral" || isLiteralText(ast)
  || (ast._tag === "Union" && ast.types.every(isText))

const isLiteralText = (ast: SchemaAST.AST): boolean => ast._tag === "Literal" && typeof ast.literal === "string"

const write = (text: string): Uint8Array => {
  // It has no form in UTF-8, and must not arrive as another character.
  if (!text.isWellFormed()) throw new Error("The text holds half of a surrogate pair")
  return Buffer.from(text)
}
