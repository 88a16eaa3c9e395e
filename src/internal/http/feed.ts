/**
 * Many replies as the text of one answer: a line for each, or an event for each as `EventSource` reads them.
 *
 * Both are of JSON alone. The text of other formats may hold anything, and a line break in it would end the reply.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Failure, failure } from "../../Transport.ts"
import * as Accept from "../rpc/accept.ts"
import { isStatus } from "./statusCodes.ts"

/** What the replies of an answer look like. */
export interface Feed {
  readonly contentType: string
  readonly pack: (replies: ReadonlyArray<Uint8Array>) => Buffer
  /** A failure as the last one, in JSON. */
  readonly failure: (json: string) => string
  /** What says that there are no more. */
  readonly end: string
  /** What says that there still may be more, where there is room for that. */
  readonly beat: string | undefined
  /** Whether its reader sees nothing of a failure that has a status of HTTP instead. */
  readonly hidesStatus: boolean
}

/** The id of the last event. A browser that wants to go on behind it is told that nothing follows. */
export const lastEvent = "end"

/** `application/x-ndjson`: a line for each reply. */
export const lines: Feed = {
  contentType: "application/x-ndjson",
  pack: (replies) => pack(replies, "", "\n"),
  failure: (json) => `{"error":${json}}\n`,
  end: "",
  // An empty line would do, and break every reader that takes each line for JSON.
  beat: undefined,
  hidesStatus: false
}

/** `text/event-stream`: an event for each reply. */
export const events: Feed = {
  contentType: "text/event-stream",
  pack: (replies) => pack(replies, "data: ", "\n\n"),
  failure: (json) => `event: error\nid: ${lastEvent}\ndata: ${json}\n\n`,
  end: `event: end\nid: ${lastEvent}\ndata: {}\n\n`,
  beat: ":\n\n",
  hidesStatus: true
}

/** The feed that a value of `Accept` asks for by its name, unless there is something that it would like better. */
export const wanted = (accept: string | undefined): Feed | undefined => {
  if (accept === undefined || !named.test(accept)) return undefined
  const wishes = Accept.parse(accept)
  const highest = Math.max(...wishes.map(({ weight }) => weight))
  const best = wishes.filter(({ weight }) => weight > 0 && weight === highest)
  return [events, lines].find(({ contentType }) => best.some(({ range }) => range === contentType))
}

/** A failure in JSON: a declared error as its schema writes it, or a message for people. */
export const toJson = ({ body, retryAfter, status }: Failure, isJson: boolean): string => {
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString("utf8")
  if (status === "Error" && isJson) return `${declared}${onOneLine(text === "" ? "null" : text)}}`
  return JSON.stringify({
    status,
    message: status === "Error" ? "A declared error that has no form in JSON" : text,
    retryAfter
  })
}

/** The failure that such JSON is of. What is none of ours is no more than a defect. */
export const fromJson = (json: string): Failure => {
  // The text as it came: to read and to write it again would change numbers that JavaScript has no room for.
  if (json.startsWith(declared)) return failure("Error", json.slice(declared.length, -1))
  const { message, retryAfter, status } = Option.getOrElse(decode(json), () => ({ status: "", message: json }) as Plain)
  const again = retryAfter === null ? Infinity : retryAfter
  return failure(isStatus(status) && status !== "Error" ? status : "Defect", message, again)
}

// ---------------------------------------------------------------------------------------------------------------------

const declared = "{\"status\":\"Error\",\"value\":"

const Plain = Schema.Struct({
  status: Schema.String,
  message: Schema.String,
  // JSON has no other word for never.
  retryAfter: Schema.optionalKey(Schema.NullOr(Schema.Number))
})
type Plain = typeof Plain.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Plain))

const named = /ndjson|event-stream/i

/** Whatever is between two line breaks of JSON is blank, too. */
const onOneLine = (json: string): string => json.replace(/[\r\n]/g, " ")

const pack = (replies: ReadonlyArray<Uint8Array>, before: string, behind: string): Buffer => {
  const around = before.length + behind.length
  let size = 0
  for (const reply of replies) size += around + Math.max(reply.length, nothing.length)
  const packed = Buffer.allocUnsafe(size)
  let offset = 0
  for (const reply of replies) {
    const json = reply.length === 0 ? nothing : reply
    offset += packed.write(before, offset, "latin1")
    packed.set(json, offset)
    if (json.includes(lineFeed) || json.includes(carriageReturn)) blank(packed, offset, json.length)
    offset += json.length
    offset += packed.write(behind, offset, "latin1")
  }
  return packed.subarray(0, offset)
}

/** What is no message at all in other lanes; here it has to be seen. */
const nothing = Buffer.from("null")

const lineFeed = 10
const carriageReturn = 13
const space = 32

const blank = (bytes: Uint8Array, from: number, length: number): void => {
  for (let index = from; index < from + length; index++) {
    if (bytes[index] === lineFeed || bytes[index] === carriageReturn) bytes[index] = space
  }
}
