/**
 * Values to bytes and back, by content type.
 *
 * A `Format` turns a schema into a `Coder`, once; the coder then turns values into bytes and bytes into values. A
 * process writes its preferred format and reads every one it knows, so a fleet can move from one to another without a
 * flag day. A codec knows nothing of calls, events or wires.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

// Erased on purpose: any schema will do, as long as its values need no services to cross the wire.
/** A schema whose values can cross a wire. */
export type Wire = Schema.Codec<any, any>

/**
 * Both directions of one schema, compiled once.
 *
 * **Details**
 *
 * Coding never waits, so the result is an `Exit`: an `Effect` to `yield*`, and a plain value on the hot path.
 */
export interface Coder<in out A> {
  readonly encode: (value: A) => Exit.Exit<Uint8Array, CodecError>
  readonly decode: (bytes: Uint8Array) => Exit.Exit<A, CodecError>
}

/** One way of writing values. */
export interface Format {
  /** Without parameters, in lower case: `application/json`. */
  readonly contentType: string
  /** The coder of a schema; the same one each time it is asked. Dies where the format cannot express the schema. */
  readonly coder: <S extends Wire>(schema: S) => Coder<S["Type"]>
  /**
   * The format that two processes of this library use between them instead, where the wire is their own. Whoever knows
   * this format reads that one too, so nothing has to be agreed on.
   */
  readonly direct?: Format | undefined
}

/** The formats that a process speaks. */
export class Codec extends Context.Service<Codec, {
  /** What this process writes. */
  readonly preferred: Format
  /** The format of a content type, if it is known. Parameters are ignored, but for text in another charset than UTF-8. */
  readonly find: (contentType: string) => Format | undefined
  /** All that this process reads, the preferred one first; without those that are for peers of this library only. */
  readonly contentTypes: ReadonlyArray<string>
}>()("effect-micro/Codec") {}

/** A codec that writes the first format and reads them all. */
export const make = (...formats: NonEmptyReadonlyArray<Format>): Codec["Service"] => {
  const byType = new Map(formats.map((format) => [format.contentType, format]))
  const contentTypes = [...byType.keys()]
  for (const { direct } of formats) if (direct !== undefined) byType.set(direct.contentType, direct)
  return Codec.of({
    preferred: formats[0],
    find: (contentType) =>
      byType.get(contentType) ?? (isUtf8(contentType) ? byType.get(essence(contentType)) : undefined),
    contentTypes
  })
}

/**
 * Speaks these formats: writes the first and reads them all.
 *
 * **Example** (A codec of one format)
 *
 * ```ts
 * import * as Codec from "effect-micro/Codec"
 * import * as JsonCodec from "effect-micro/Layers/JsonCodec"
 *
 * export const Json = Codec.layer(JsonCodec.format())
 * ```
 */
export const layer = (...formats: NonEmptyReadonlyArray<Format>): Layer.Layer<Codec> =>
  Layer.succeed(Codec, make(...formats))

/** A value could not be written: it breaks its own schema, or the format cannot hold it. */
export class EncodeFailed extends Schema.TaggedError<EncodeFailed>("effect-micro/Codec/EncodeFailed")("EncodeFailed", {
  contentType: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Cannot encode ${this.contentType}: ${this.problem}`
  }
}

/** Bytes could not be read: they are not of the format, or what they hold breaks the schema. */
export class DecodeFailed extends Schema.TaggedError<DecodeFailed>("effect-micro/Codec/DecodeFailed")("DecodeFailed", {
  contentType: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Cannot decode ${this.contentType}: ${this.problem}`
  }
}

/** Nobody here speaks the content type. */
export class UnknownContentType extends Schema.TaggedError<UnknownContentType>("effect-micro/Codec/UnknownContentType")(
  "UnknownContentType",
  { contentType: Schema.String, spoken: Schema.Array(Schema.String) }
) {
  override get message(): string {
    const quoted = this.contentType.length > maxQuoted ? `${this.contentType.slice(0, maxQuoted)}…` : this.contentType
    return `Content type ${quoted} is not spoken here; ${this.spoken.join(", ")} ${
      this.spoken.length > 1 ? "are" : "is"
    }`
  }
}

/** Why a value could not be written or read. */
export class CodecError extends Schema.TaggedError<CodecError>("effect-micro/CodecError")("CodecError", {
  reason: Schema.Union([EncodeFailed, DecodeFailed, UnknownContentType])
}) {
  override get message(): string {
    return this.reason.message
  }
}

/**
 * The failure of a coding, for who writes a format.
 *
 * **Details**
 *
 * Garbage may arrive at any rate, so the error keeps no stack, which would cost more than all the rest, and no more than
 * 1024 characters of the problem, which may quote what arrived.
 */
export const fail = (
  reason: "EncodeFailed" | "DecodeFailed",
  contentType: string,
  problem: string
): Exit.Exit<never, CodecError> => {
  const facts = { contentType, problem: problem.length > maxProblem ? `${problem.slice(0, maxProblem)}…` : problem }
  const { stackTraceLimit } = Error
  // It may be frozen, which `Reflect.set` takes lightly.
  Reflect.set(Error, "stackTraceLimit", 0)
  const error = new CodecError({
    reason: reason === "EncodeFailed" ? new EncodeFailed(facts) : new DecodeFailed(facts)
  })
  Reflect.set(Error, "stackTraceLimit", stackTraceLimit)
  return Exit.fail(error)
}

// ---------------------------------------------------------------------------------------------------------------------

const maxProblem = 1024

// A content type is whatever a stranger wrote into a header.
const maxQuoted = 100

/** The content type alone: `application/json` of `Application/JSON; charset=utf-8`. */
const essence = (contentType: string): string => {
  const end = contentType.indexOf(";")
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

// Of other types, such as JSON, the charset is fixed, and a parameter that says otherwise is a mistake of no meaning.
const isUtf8 = (contentType: string): boolean => {
  const charset = /^\s*text\/.*;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1]
  return charset === undefined || /^(utf-?8|us-ascii)$/i.test(charset)
}
