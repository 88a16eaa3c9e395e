/**
 * Replies out of the events that a server writes: what a client of ours reads of a stream over plain HTTP.
 */
import { failure, type Reply } from "../../Transport.ts"
import * as Feed from "./feed.ts"

export interface FeedReader {
  /** The replies that a read has completed. Nothing follows a failure. */
  readonly read: (read: Buffer) => ReadonlyArray<Reply>
  /** Whether the last event has come, a failure or the end. */
  readonly isOver: () => boolean
}

/**
 * A reader of replies up to a limit.
 *
 * **Details**
 *
 * What is held is at most one line, and that no longer than the largest reply. A reply over the limit is `Malformed`: the
 * handler has run, and would say the same again.
 */
export const make = (limit: number): FeedReader => {
  let rest: Buffer = Buffer.alloc(0)
  let event = ""
  let data: Buffer | undefined
  let over = false
  const tooLarge = (): Reply => {
    over = true
    return failure("Malformed", `A reply is over the limit of ${limit} bytes`)
  }
  /** What an empty line completes. */
  const complete = (): Reply | undefined => {
    const [kind, text] = [event, data]
    event = ""
    data = undefined
    if (kind === "end") over = true
    if (text === undefined || kind === "end") return undefined
    if (kind !== "error") return text.length > limit ? tooLarge() : text
    over = true
    return Feed.fromJson(text.toString("utf8"))
  }
  const take = (line: Buffer): Reply | undefined => {
    if (line.length === 0) return complete()
    if (startsWith(line, dataField)) data = line.subarray(dataField.length)
    else if (startsWith(line, eventField)) event = line.toString("latin1", eventField.length)
    return undefined
  }
  return {
    read: (read) => {
      const replies: Array<Reply> = []
      const bytes = rest.length === 0 ? read : Buffer.concat([rest, read])
      let from = 0
      for (let to = bytes.indexOf(lineFeed); to !== -1 && !over; to = bytes.indexOf(lineFeed, from)) {
        const reply = take(bytes.subarray(from, to))
        if (reply !== undefined) replies.push(reply)
        from = to + 1
      }
      rest = bytes.subarray(from)
      if (!over && rest.length > limit + dataField.length) replies.push(tooLarge())
      return replies
    },
    isOver: () => over
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const lineFeed = 10
const dataField = Buffer.from("data: ")
const eventField = Buffer.from("event: ")

const startsWith = (line: Buffer, field: Buffer): boolean =>
  line.length >= field.length && line.compare(field, 0, field.length, 0, field.length) === 0
