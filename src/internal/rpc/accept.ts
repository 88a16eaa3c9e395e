/**
 * In which content type a caller wants its answer, where it is not the one it asked in.
 *
 * Only the plain lane over HTTP has room for the wish (`Accept`) and for what became of it (`Content-Type`). It hangs a
 * note on the call; whoever answers writes on it; the lane reads it when it answers. Everywhere else there is no note,
 * and an answer is in the content type of its call.
 */
import type { Codec, Format } from "../../Codec.ts"
import type { Call } from "../../Transport.ts"

/** A wish, and what became of it. */
export interface Note {
  /** The value of `Accept`. */
  readonly wanted: string | undefined
  /** The content type of the answer, where it is not that of the call. */
  answered: string | undefined
  /** Whether nothing that is spoken here was wanted. */
  refused: boolean
}

/** A call that may have a note. */
export interface Noted extends Call {
  readonly accept?: Note | undefined
}

/** The note of a call. A call in JSON, which has a form for everything, needs none where it wants nothing else. */
export const make = (contentType: string, wanted: string | undefined): Note | undefined =>
  contentType === "application/json" && (isAny(wanted) || wanted === contentType)
    ? undefined
    : { wanted, answered: undefined, refused: false }

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
  note.refused = best === undefined
  if (best !== undefined && best !== asked) tell(call, best.contentType)
  return best
}

/** Tells the lane in which content type the answer is. */
export const tell = (call: Noted, contentType: string): void => {
  if (call.accept !== undefined) call.accept.answered = contentType
}

// ---------------------------------------------------------------------------------------------------------------------

const isAny = (wanted: string | undefined): boolean => wanted === undefined || wanted === "" || wanted === "*/*"

interface Wish {
  /** `text/plain`, or with a star for either part. */
  readonly range: string
  readonly weight: number
}

const maxWishes = 32

const parse = (accept: string): ReadonlyArray<Wish> =>
  accept.split(",", maxWishes).map((wish) => {
    const [range, ...parameters] = wish.split(";").map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2)
    return { range, weight: weight === undefined ? 1 : Number(weight) || 0 }
  })

/** The weight of the wish that means a content type most exactly; none weighs nothing. */
const weightOf = (wishes: ReadonlyArray<Wish>, contentType: string): number => {
  const group = `${contentType.slice(0, contentType.indexOf("/"))}/*`
  for (const range of [contentType, group, "*/*"]) {
    const wish = wishes.find((wish) => wish.range === range)
    if (wish !== undefined) return wish.weight
  }
  return 0
}
