/**
 * Events of one publishing that fit in one frame: cut once, and written once for all who get them.
 */
import type { Message } from "../../../Message.ts"
import * as Series from "../series.ts"

export interface Sheet {
  /** All of one series, and with the same headers. */
  readonly messages: ReadonlyArray<Message>
  /** The place of the first in what was published. */
  readonly first: number
  /** Bytes of the bodies. */
  readonly bytes: number
  /** What was written of it. */
  frame: Uint8Array | undefined
}

/** Events of one frame, and the bytes of their bodies. A larger event travels alone. */
export const mostEvents = 512
export const mostBytes = 64 * 1024

/** The sheets of a publishing, in its order. */
export const cut = (messages: ReadonlyArray<Message>): ReadonlyArray<Sheet> => {
  const sheets: Array<Sheet> = []
  let first = 0
  let bytes = 0
  const end = (place: number) => {
    const own = first === 0 && place === messages.length ? messages : messages.slice(first, place)
    sheets.push({ messages: own, first, bytes, frame: undefined })
    first = place
    bytes = 0
  }
  for (let place = 0; place < messages.length; place++) {
    const size = messages[place].body.length
    const isFull = place - first === mostEvents || bytes + size >= mostBytes
    if (place > first && (isFull || !Series.follows(messages[place], messages[place - 1]))) end(place)
    bytes += size
  }
  end(messages.length)
  return sheets
}
