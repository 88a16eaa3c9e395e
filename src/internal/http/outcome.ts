/** What the response to a call means: a reply, or nothing that can be relied upon. */
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Call, Failure, Reply } from "../../Transport.ts"
import { ConnectionLost, failure, TransportError } from "../../Transport.ts"
import * as Feed from "./feed.ts"
import * as GoMicro from "./goMicro.ts"
import { fromHttp, isStatus, retryAfterHeader, statusHeader } from "./statusCodes.ts"

/** A complete response; header names in lower case, values as they came. */
export interface Response {
  readonly code: number
  readonly headers: Readonly<Record<string, string | Array<string> | undefined>>
  readonly body: Uint8Array
}

/**
 * Reads a response.
 *
 * **Details**
 *
 * In this order: the status in our own header, exactly; `Micro-Error`, a failure even with 200; the HTTP status; the
 * content type, because a Go Micro server that does not speak the call's answers 200 in plain text.
 */
export const read = (call: Call, address: string, response: Response): Exit.Exit<Reply, TransportError> => {
  const { body, code, headers } = response
  const status = first(headers[ownStatus])
  if (status !== undefined && isStatus(status)) return Exit.succeed(ours(status, response))
  const error = first(headers["micro-error"]) ?? first(headers["x-micro-error"])
  if (error !== undefined && error !== "") return Exit.succeed(GoMicro.parseError(error))
  if (code < 200 || code > 299) return foreign(address, response)
  const type = first(headers["content-type"])
  if (body.length > 0 && type !== undefined && essence(type) !== essence(call.contentType)) {
    return Exit.succeed(failure("Malformed", `Answered in ${type} instead of ${call.contentType}: ${excerpt(body)}`))
  }
  return Exit.succeed(body)
}

/** Whether an answer is a feed of events. */
export const isFeed = (headers: Response["headers"]): boolean =>
  essence(first(headers["content-type"]) ?? "") === Feed.events.contentType

// ---------------------------------------------------------------------------------------------------------------------

const ownStatus = statusHeader.toLowerCase()
const ownRetryAfter = retryAfterHeader.toLowerCase()

const ours = (status: Failure["status"], { body, headers }: Response): Failure => {
  const retryAfter = first(headers[ownRetryAfter])
  const again = retryAfter === undefined
    ? undefined
    : retryAfter === "Infinity"
    ? Infinity
    : milliseconds(retryAfter, 1)
  const isExplained = status !== "Error" && essence(first(headers["content-type"]) ?? "") === "application/json"
  return failure(status, isExplained ? explanation(body) : body, again)
}

/** The message in the answer to a request in the form of a path. */
const explanation = (body: Uint8Array): Uint8Array | string =>
  Option.match(decodeExplanation(Buffer.from(body).toString("utf8")), {
    onNone: () => body,
    onSome: ({ error }) => error.message
  })

const decodeExplanation = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ error: Schema.Struct({ message: Schema.String }) }))
)

const foreign = (address: string, { body, code, headers }: Response): Exit.Exit<Reply, TransportError> => {
  const status = fromHttp(code)
  const message = `Answered with HTTP status ${code}: ${excerpt(body)}`
  if (status === undefined) {
    return Exit.fail(new TransportError({ reason: new ConnectionLost({ address, cause: new Error(message) }) }))
  }
  const retryAfter = status === "Overloaded" ? first(headers["retry-after"]) : undefined
  return Exit.succeed(failure(status, message, retryAfter === undefined ? undefined : milliseconds(retryAfter, 1000)))
}

// The date form of `Retry-After` would need both clocks to agree: it counts as not said.
const milliseconds = (text: string, unit: number): number | undefined =>
  /^\d+(\.\d+)?$/.test(text) ? Number(text) * unit : undefined

const first = (value: string | Array<string> | undefined): string | undefined => Array.isArray(value) ? value[0] : value

const essence = (type: string): string => {
  const end = type.indexOf(";")
  return (end === -1 ? type : type.slice(0, end)).trim().toLowerCase()
}

// Enough to recognise who answered; the rest of a proxy's page helps nobody.
const excerpt = (body: Uint8Array): string => Buffer.from(body.subarray(0, 200)).toString("utf8").trim()
