/** Events as entries of a stream: an id, the headers as JSON, and the body. */
import { Buffer } from "node:buffer"
import type { Message } from "../../Message.ts"
import type { Reply } from "./link.ts"

/** An entry, by its place in the stream. */
export interface Held {
  readonly place: string
  readonly message: Message
  /** How often it was handed out, this time included. */
  readonly attempt: number
}

/** The fields of messages; those of one publishing share the text of their headers. */
export const writer = (): (message: Message) => ReadonlyArray<string | Buffer> => {
  let last: Message["headers"] | undefined
  let text = ""
  return ({ body, headers, id }) => {
    if (headers !== last) text = JSON.stringify(last = headers)
    return ["id", id, "headers", text, "body", Buffer.from(body.buffer, body.byteOffset, body.byteLength)]
  }
}

/** Reads entries of any publisher, as handed out for the first time: what has no id is known by its place, what has no body has none. */
export const reader = (): (reply: Reply) => ReadonlyArray<Held> => {
  let text = ""
  let headers: Message["headers"] = {}
  const headersOf = (written: Buffer | undefined): Message["headers"] => {
    const said = written === undefined ? "{}" : written.toString()
    if (said !== text) headers = parsed(text = said)
    return headers
  }
  const read = ([written, fields]: Pair): ReadonlyArray<Held> => {
    // An entry that was trimmed away while it was pending.
    if (fields === null) return []
    const place = String(written)
    const found: Record<string, Buffer> = {}
    for (let at = 0; at < fields.length; at += 2) found[String(fields[at])] = fields[at + 1]!
    const message: Message = {
      id: found["id"] === undefined ? place : String(found["id"]),
      headers: headersOf(found["headers"]),
      body: found["body"] ?? new Uint8Array(0)
    }
    return [{ place, message, attempt: 1 }]
  }
  return (reply) => (reply as ReadonlyArray<Pair> | null ?? []).flatMap(read)
}

// ---------------------------------------------------------------------------------------------------------------------

type Pair = readonly [place: Buffer, fields: ReadonlyArray<Buffer> | null]

const parsed = (text: string): Message["headers"] => {
  try {
    const headers: unknown = JSON.parse(text)
    if (typeof headers !== "object" || headers === null) return {}
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
  } catch {
    return {}
  }
}
