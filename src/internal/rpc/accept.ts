/**
 * In which form a caller wants its answer: the content type, and whether there is room for many replies.
 *
 * Only the plain lane over HTTP has room for the wish (`Accept`) and for what became of it (`Content-Type`). It hangs a
 * note on the call; whoever answers writes on it; the lane reads it when it answers. Everywhere else there is no note,
 * an answer is in the content type of its call, and there is room for all of it.
 */
import type { Codec, Format } from "../../Codec.ts"
import type { Call } from "../../Transport.ts"
import type { Method } from "./methods.ts"

/** A wish, and what became of it. */
export interface Note {
  /** The value of `Accept`. */
  readonly wanted: string | undefined
  /** Whether the answer may be many replies. */
  readonly isMany: boolean
  /** Whether whoever asks may do so by accident, or be made to: a `GET`. */
  readonly isGet: boolean
  /** The content type of the answer, where it is not that of the call. */
  answered: string | undefined
  /** Why there is no answer, where the request was not made for it. */
  refused: "unacceptable" | "unsafe" | undefined
}

/** A call that may have a note. */
export interface Noted extends Call {
  readonly accept?: Note | undefined
}

/** The note of a call. */
export const make = (wanted: string | undefined, isMany: boolean, isGet: boolean): Note => ({
  wanted,
  isMany,
  isGet,
  answered: undefined,
  refused: undefined
})

/**
 * Why a method does not answer a request of this form; undefined where it does.
 *
 * **Details**
 *
 * A `GET` follows a stream of an idempotent method, and nothing else. A browser makes one for every link and image, and
 * `EventSource` makes it again whenever it has lost the connection.
 */
export const problemOf = ({ accept: note }: Noted, method: Method): string | undefined => {
  if (note === undefined) return undefined
  if (method.streamsOut && !note.isMany) {
    note.refused = "unacceptable"
    return `${method.endpoint} has many replies: Accept application/x-ndjson or text/event-stream`
  }
  if (note.isGet && !(method.streamsOut && method.idempotent)) {
    note.refused = "unsafe"
    return `${method.endpoint} is called by a POST: a GET follows the replies of idempotent methods`
  }
  return undefined
}

/**
 * The format to answer a call in; undefined where none that is spoken is wanted.
 *
 * **Details**
 *
 * The wish with the highest `q` wins; between equals the format of the call, then the order of the codec. Of a longer
 * list, the first 32 wishes count.
 */
export const choose = (call: Noted, asked: Format, codec: Codec["Service"]): Format | undefined => {
  const note = call.accept
  if (note === undefined || isAny(note.wanted) || note.wanted === asked.contentType) return asked
  const wishes = parse(note.wanted ?? "")
  let best: Format | undefined
  let highest = 0
  for (const contentType of [asked.contentType, ...codec.contentTypes]) {
    const weight = weightOf(wishes, contentType)
    if (weight <= highest) continue
    highest = weight
    best = codec.find(contentType)
  }
  if (best === undefined) note.refused = "unacceptable"
  if (best !== undefined && best !== asked) tell(call, best.contentType)
  return best
}

/** One of the ranges that are accepted. */
export interface Wish {
  /** `text/plain`, or with a star for either part. */
  readonly range: string
  readonly weight: number
}

/** The wishes in a value of `Accept`, the first 32 of them. */
export const parse = (accept: string): ReadonlyArray<Wish> =>
  accept.split(",", maxWishes).map((wish) => {
    const [range, ...parameters] = wish.split(";").map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2)
    return { range, weight: weight === undefined ? 1 : Number(weight) || 0 }
  })

/** Tells the lane in which content type the answer is. */
export const tell = (call: Noted, contentType: string): void => {
  if (call.accept !== undefined) call.accept.answered = contentType
}

// ---------------------------------------------------------------------------------------------------------------------

const maxWishes = 32

const isAny = (wanted: string | undefined): boolean => wanted === undefined || wanted === "" || wanted === "*/*"

/** The weight of the wish that means a content type most exactly; none weighs nothing. */
const weightOf = (wishes: ReadonlyArray<Wish>, contentType: string): number => {
  const group = `${contentType.slice(0, contentType.indexOf("/"))}/*`
  for (const range of [contentType, group, "*/*"]) {
    const wish = wishes.find((wish) => wish.range === range)
    if (wish !== undefined) return wish.weight
  }
  return 0
}
