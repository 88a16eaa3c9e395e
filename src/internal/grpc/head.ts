/**
 * What a request says ahead of its messages: a call, or why there is none.
 */
import type { IncomingHttpHeaders } from "node:http2"
import { type Call, type Failure, failure } from "../../Transport.ts"
import * as HeaderText from "../http/headerText.ts"
import * as Paths from "../http/paths.ts"
import * as ContentType from "./contentType.ts"
import * as Metadata from "./metadata.ts"
import * as Names from "./paths.ts"
import { Code } from "./statusCodes.ts"
import * as Timeout from "./timeout.ts"

/** By which one of us says that it is one, and how many messages it sends and awaits. */
export const kindHeader = "effect-micro"

/**
 * One message each way, one that many may answer, or many that many may answer. A client that is not one of us does not
 * say, and is taken to send and await many.
 *
 * `brief` is `unary` with nobody in between who would look for trailers: an answer that goes well has none.
 */
export type Kind = "brief" | "unary" | "one" | "many"

/** A call, whom it goes to, and how to read its messages. */
export interface Head {
  readonly call: Call
  /** Undefined where the caller is not one of us. */
  readonly kind: Kind | undefined
  /** The form of its content type, in which it is answered. */
  readonly form: string
  readonly isGzip: boolean
}

/** Why there is no call. */
export interface Refusal {
  readonly failure: Failure
  /** The code, where it is not the one of the status. */
  readonly code?: number | undefined
}

/** Reads the head of a request; a number is the HTTP status for one that is not gRPC at all. */
export const read = (
  headers: IncomingHttpHeaders,
  services: ReadonlyArray<string>,
  maxHeaders: number
): Head | Refusal | number => {
  const form = headers["content-type"] ?? ""
  const contentType = ContentType.parse(form)
  if (headers[":method"] !== "POST") return 405
  if (contentType === undefined) return 415
  const metadata = Metadata.read(headers)
  if (metadata === undefined) return refuse("Malformed", "The metadata cannot be read")
  if (metadata.size > maxHeaders) {
    const problem = `Metadata of ${metadata.size} characters is over the limit of ${maxHeaders}`
    return refuse("Malformed", problem, Code.ResourceExhausted)
  }
  const encoding = headers["grpc-encoding"] ?? "identity"
  if (encoding !== "identity" && encoding !== "gzip") {
    return refuse("Malformed", `${String(encoding)} is not unpacked here, only gzip`, Code.Unimplemented)
  }
  const path = Paths.parse(headers[":path"] ?? "")
  if (typeof path === "string") return refuse("Unimplemented", "The path of a call is /<service>/<method>")
  const target = Names.resolve(path, services)
  if (target === undefined) return refuse("Unimplemented", `${path.service} is not served here`)
  const kind = headers[kindHeader]
  const timeout = headers["grpc-timeout"]
  return {
    call: {
      service: target.service,
      method: target.method,
      contentType: exact(headers) ?? contentType,
      headers: metadata.metadata,
      timeout: timeout === undefined ? undefined : Timeout.parse(String(timeout))
    },
    kind: isKind(kind) ? kind : undefined,
    form,
    isGzip: encoding === "gzip"
  }
}

/** A refusal with a message for people. */
export const refuse = (status: Failure["status"], message: string, code?: number): Refusal => ({
  failure: failure(status, message),
  code
})

// ---------------------------------------------------------------------------------------------------------------------

const isKind = (kind: unknown): kind is Kind =>
  kind === "brief" || kind === "unary" || kind === "one" || kind === "many"

const exact = (headers: IncomingHttpHeaders): string | undefined => {
  const value = headers[ContentType.exactHeader]
  return typeof value === "string" ? HeaderText.decode(value) : undefined
}
