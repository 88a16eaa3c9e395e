/**
 * How the messages of a method are written: as its format has it, or as two processes of this library have it between them.
 *
 * Which of them suits is known only once a connection is, and a message is encoded before that. So a call is written as the
 * last connection to the service wanted it, and written again where it comes to another kind. What all peers read is sent
 * as it is: only the first call to a service, and one that changes over, are written with less than the best.
 */
import type * as Exit from "effect/Exit"
import type { Codec, CodecError, Format } from "../../Codec.ts"
import type { Connection } from "../../Transport.ts"
import * as Memory from "../memory.ts"
import type { Coders, Method } from "./methods.ts"

/** A content type, and the coders of a method in it. */
export interface Writing extends Coders {
  readonly contentType: string
}

/** The ways to write the messages of a method. */
export interface Writings {
  /** What every peer reads. */
  readonly plain: Writing
  /** What peers of this library read; the same where the format has nothing of its own for them. */
  readonly direct: Writing
  /** What the last connection wanted. */
  usual: Writing
}

/** A message that is written, and can be written again. */
export interface Letter {
  readonly payload: unknown
  readonly writing: Writing
  readonly bytes: Uint8Array
}

type Failed = Exit.Failure<never, CodecError>

/** The ways to write the messages of a method with a codec. */
export const make = ({ preferred }: Codec["Service"], method: Method): Writings => {
  const of = (format: Format): Writing => ({ ...method.coders(format), contentType: format.contentType })
  const plain = of(preferred)
  return { plain, direct: preferred.direct === undefined ? plain : of(preferred.direct), usual: plain }
}

/** What suits a connection; the next messages will be written so. */
export const suited = (writings: Writings, { isOwn }: Connection): Writing =>
  writings.usual = isOwn === true ? writings.direct : writings.plain

/** Writes a message. */
export const write = (writing: Writing, payload: unknown): Letter | Failed => {
  const bytes: Exit.Exit<Uint8Array, CodecError> = writing.payload.encode(payload)
  return bytes._tag === "Failure" ? bytes as Failed : { payload, writing, bytes: bytes.value }
}

/**
 * A letter that can be read at the other end of a connection: the same one, or one that is written again, for another kind
 * of reader or because its memory has gone with the first sending.
 */
export const fitted = (writings: Writings, letter: Letter, connection: Connection): Letter | Failed => {
  const writing = suited(writings, connection)
  const isLegible = letter.writing === writing || letter.writing === writings.plain
  return isLegible && !Memory.isSpent(letter.bytes) ? letter : write(writing, letter.payload)
}

/** Whether a message could not be written. */
export const isFailed = (letter: Letter | Failed): letter is Failed => "_tag" in letter
