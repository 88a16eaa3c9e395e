/**
 * Go Micro's calls over HTTP/1.1, as headers: those of a request, and the error of a response.
 *
 * Written after what v1.18 and v6 were seen to send and to accept.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Call, Failure } from "../../Transport.ts"
import { failure } from "../../Transport.ts"
import * as HeaderText from "./headerText.ts"
import { goCodes } from "./statusCodes.ts"

/**
 * The error that Go Micro's services make: a declared error of a contract with one of them may have this shape.
 *
 * **Details**
 *
 * Newer releases leave out what is empty. A plain Go error is its text alone: `detail` then, with the code 0.
 */
export interface GoError {
  readonly id: string
  readonly code: number
  readonly detail: string
  readonly status: string
}

/**
 * The headers of a call, names and values in one list.
 *
 * **Details**
 *
 * The id is for releases before v2, which tell the requests of a connection apart by it. `Timeout` is in nanoseconds.
 */
export const requestHeaders = (call: Call, id: number): Array<string> => {
  const service = HeaderText.encode(call.service)
  const method = HeaderText.encode(call.method)
  const list = [
    "Accept",
    call.contentType,
    "Content-Type",
    call.contentType,
    "Micro-Endpoint",
    method,
    "Micro-Id",
    String(id),
    "Micro-Method",
    method,
    "Micro-Service",
    service
  ]
  appendTimeout(list, call)
  return list
}

/** Appends the deadline of a call to its headers, if it has one. */
export const appendTimeout = (list: Array<string>, { timeout }: Call): void => {
  if (timeout !== undefined && Number.isFinite(timeout)) list.push("Timeout", nanoseconds(timeout))
}

/** The milliseconds of a `Timeout` header. Like Go, it overlooks one that is not a number. */
export const parseTimeout = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) / 1e6 : undefined

/**
 * The value of `Micro-Error` for a failure.
 *
 * **Details**
 *
 * A declared error that has the shape of Go's own is passed as it is. Any other is quoted as the detail when it is short
 * and printable; a client of ours reads it from the body in any case.
 */
export const formatError = (service: string, reply: Failure): string => {
  const text = Buffer.from(reply.body).toString("utf8")
  if (reply.status === "Error") {
    const own = ownGoError(text)
    if (own !== undefined) return own
  }
  const code = goCodes[reply.status]
  const detail = reply.status !== "Error"
    ? text.slice(0, detailLimit)
    : text.length <= detailLimit && !unprintable.test(text)
    ? text
    : `a declared error of ${reply.body.length} bytes`
  return HeaderText.json({ id: service, code, detail, status: reasons[code] } satisfies GoError)
}

/** What the `Micro-Error` of a service that is not one of us means. */
export const parseError = (header: string): Failure => {
  const text = HeaderText.decode(header)
  const error = parseGoError(text) ?? { id: "", code: 0, detail: text, status: "" }
  if (error.code === goCodes.DeadlineExceeded) return failure("DeadlineExceeded", error.detail)
  if (/^rpc: can't find (service|method)/.test(error.detail)) return failure("Unimplemented", error.detail)
  if (error.detail.startsWith("rpc: service/endpoint request ill-formed")) return failure("Malformed", error.detail)
  return failure("Error", JSON.stringify(error))
}

// ---------------------------------------------------------------------------------------------------------------------

// Go reads an unsigned 64 bit integer in decimal; above the safe range there is no such deadline.
const nanoseconds = (milliseconds: number): string =>
  String(Math.min(Math.max(Math.round(milliseconds * 1e6), 0), Number.MAX_SAFE_INTEGER))

// Stands in two headers, with up to six characters for one: 6 KiB of the 16 KiB that common HTTP clients accept.
const detailLimit = 512

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const unprintable = /[\0-\x1f\x7f\ufffd]/

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  408: "Request Timeout",
  422: "Unprocessable Entity",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable"
}

const decodeLenient = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({
    id: Schema.optionalKey(Schema.String),
    code: Schema.optionalKey(Schema.Int),
    detail: Schema.optionalKey(Schema.String),
    status: Schema.optionalKey(Schema.String)
  }))
)

// An object without a single one of the four fields is JSON of somebody else, and stays a text.
const parseGoError = (text: string): GoError | undefined => {
  if (!text.startsWith("{")) return undefined
  const error = Option.getOrUndefined(decodeLenient(text))
  if (error === undefined || Object.keys(error).length === 0) return undefined
  return { id: error.id ?? "", code: error.code ?? 0, detail: error.detail ?? "", status: error.status ?? "" }
}

const decodeStrict = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({ id: Schema.String, code: Schema.Int, detail: Schema.String, status: Schema.String })
  ),
  { onExcessProperty: "error" }
)

// Only exactly this shape: a declared error that merely has a `code` among its fields would lose the others.
const ownGoError = (text: string): string | undefined => {
  if (!text.startsWith("{")) return undefined
  const error = Option.getOrUndefined(decodeStrict(text))
  if (error === undefined) return undefined
  const header = HeaderText.json(error)
  return header.length <= 6 * detailLimit ? header : undefined
}
