/**
 * What a request says ahead of its body, in either form of the plain lane.
 *
 * The form of Go Micro is known by its headers alone, whatever the request line says; anything else is taken for
 * `POST /<service>/<method>`.
 */
import type * as Http from "node:http"
import type { Call, Failure } from "../../Transport.ts"
import { failure } from "../../Transport.ts"
import * as Accept from "../rpc/accept.ts"
import type { Noted } from "../rpc/accept.ts"
import type { Visitor } from "./cors.ts"
import * as Feed from "./feed.ts"
import * as GoMicro from "./goMicro.ts"
import * as HeaderText from "./headerText.ts"
import * as Metadata from "./metadata.ts"
import * as Paths from "./paths.ts"

/** How to answer a request. */
export interface Form {
  readonly _tag: "GoMicro" | "Path"
  /** The id that a Go Micro client expects to find in the response. */
  readonly id: string | undefined
}

/** A call, or why there is none. */
export interface Head {
  readonly form: Form
  readonly call: Noted
  /** What the answer looks like, where it may be many replies. */
  readonly feed: Feed.Feed | undefined
  /** The message, where it is not the body. */
  readonly message: Uint8Array | undefined
  /** What the request is refused with, without asking any exchange. */
  readonly refusal: Refusal | undefined
  /** How long the body says that it is. */
  readonly length: number | undefined
  /** The page that it comes from, if it does. */
  readonly visitor: Visitor
}

/** A request that is not a call. */
export interface Refusal {
  readonly code: number
  readonly failure: Failure
}

/** Headers of a request at most. */
export const maxHeaders = 128

/** Reads the head of a request. */
export const read = (request: Http.IncomingMessage): Head => {
  const { control, metadata } = Metadata.part(request.rawHeaders)
  const endpoint = control["micro-endpoint"] ?? control["micro-method"] ?? control["x-micro-endpoint"]
    ?? control["x-micro-method"]
  const head = endpoint === undefined
    ? fromPath(request, control, metadata)
    : fromHeaders(HeaderText.decode(endpoint), control, metadata)
  const refusal = refused(request.rawHeaders.length / 2, control)
  return refusal === undefined ? head : { ...head, refusal }
}

/** A refusal with a message for people. */
export const refuse = (code: number, status: Failure["status"], message: string): Refusal => ({
  code,
  failure: failure(status, message)
})

// ---------------------------------------------------------------------------------------------------------------------

/** What is refused in either form. */
const refused = (count: number, control: Metadata.Parted["control"]): Refusal | undefined => {
  if (count > maxHeaders) return refuse(431, "Malformed", `${count} headers are over the limit of ${maxHeaders}`)
  if ((control["micro-topic"] ?? control["x-micro-topic"]) !== undefined) {
    return refuse(404, "Unimplemented", "Events are not taken here")
  }
  const encoding = control["content-encoding"] ?? "identity"
  if (encoding !== "identity") return refuse(415, "Malformed", `A message is not unpacked here: ${encoding}`)
  return undefined
}

const fromHeaders = (method: string, control: Metadata.Parted["control"], headers: Call["headers"]): Head => ({
  form: { _tag: "GoMicro", id: control["micro-id"] ?? control["x-micro-id"] },
  call: {
    service: HeaderText.decode(control["micro-service"] ?? control["x-micro-service"] ?? ""),
    method,
    // What a Go Micro server assumes.
    contentType: control["content-type"] ?? "application/protobuf",
    headers,
    timeout: GoMicro.parseTimeout(control.timeout)
  },
  feed: undefined,
  message: undefined,
  // The first message of such a stream is to be thrown away: taken for a call, it would run the handler on nothing.
  refusal: (control["micro-stream"] ?? control["x-micro-stream"]) === undefined
    ? undefined
    : refuse(404, "Unimplemented", "rpc: streams of Go Micro over HTTP/1.1 are not served here"),
  length: contentLength(control),
  visitor: { headers, host: control.host }
})

const fromPath = (
  request: Http.IncomingMessage,
  control: Metadata.Parted["control"],
  headers: Call["headers"]
): Head => {
  const target = Paths.parse(request.url ?? "/")
  const { method, service } = typeof target === "string" ? { service: "", method: "" } : target
  const isGet = request.method === "GET"
  const feed = Feed.wanted(control.accept)
  return {
    form: { _tag: "Path", id: undefined },
    call: {
      service,
      method,
      contentType: isGet ? json : control["content-type"] ?? json,
      headers,
      timeout: GoMicro.parseTimeout(control.timeout),
      accept: Accept.make(feed === undefined ? control.accept : json, feed !== undefined, isGet)
    },
    feed,
    message: isGet ? Paths.payload(request.url ?? "/") : undefined,
    refusal: target === "NotACall"
      ? refuse(404, "Unimplemented", "POST /<service>/<method>, or / with a Micro-Endpoint header, is a call")
      : target === "Malformed"
      ? refuse(400, "Malformed", "The path cannot be decoded")
      : isGet && feed === undefined
      ? refuse(405, "Unimplemented", "A call is a POST, or the GET of a stream: Accept text/event-stream")
      : !isGet && request.method !== "POST"
      ? refuse(405, "Unimplemented", "A call is a POST")
      : undefined,
    length: contentLength(control),
    visitor: { headers, host: control.host }
  }
}

const json = "application/json"

// Node has refused lengths that are no numbers or contradict each other. Without one a body is chunked, or absent.
const contentLength = (control: Metadata.Parted["control"]): number | undefined =>
  control["content-length"] !== undefined
    ? Number(control["content-length"])
    : control["transfer-encoding"] === undefined
    ? 0
    : undefined
