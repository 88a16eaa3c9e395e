/** Writes the answer to a request in the form in which it was asked. */
import type * as Http from "node:http"
import type { Failure, Reply } from "../../Transport.ts"
import { isFailure } from "../../Transport.ts"
import * as GoMicro from "./goMicro.ts"
import type { Head } from "./head.ts"
import { httpCodes, retryAfterHeader, statusHeader } from "./statusCodes.ts"

/** How an answer differs from the usual. */
export interface Options {
  /** The HTTP status, where it is not the one of the reply. */
  readonly code?: number | undefined
  /** Asks the client to open another connection for its next request. */
  readonly close?: boolean | undefined
  /** Headers beside its own, names and values in one list. */
  readonly headers: ReadonlyArray<string>
}

/** Answers, with one write where the body is small. */
export const write = (response: Http.ServerResponse, head: Head, reply: Reply, options: Options): void => {
  const headers = [...options.headers]
  if (options.close === true) headers.push("Connection", "close")
  response.sendDate = false
  if (head.form._tag === "GoMicro") {
    const body = isFailure(reply) ? reply.body : reply
    if (isFailure(reply)) appendError(headers, head, reply)
    if (head.form.id !== undefined) headers.push("Micro-Id", head.form.id, "X-Micro-Id", head.form.id)
    return end(response, 200, headers, contentType(head, reply), body)
  }
  const note = head.call.accept
  const type = note?.answered ?? head.call.contentType
  if (!isFailure(reply)) return end(response, 200, headers, type, reply)
  const code = options.code ?? (note?.refused === undefined ? httpCodes[reply.status] : refusalCodes[note.refused])
  appendStatus(headers, reply)
  if (code === 405) headers.push("Allow", "POST")
  if (reply.status === "Error") return end(response, code, headers, type, reply.body)
  end(response, code, headers, "application/json", explanation(reply))
}

/** Answers with headers alone. */
export const alone = (response: Http.ServerResponse, code: number, headers: ReadonlyArray<string>): void => {
  response.sendDate = false
  response.writeHead(code, [...headers])
  response.end()
}

// ---------------------------------------------------------------------------------------------------------------------

const refusalCodes = { unacceptable: 406, unsafe: 405 } as const

const end = (
  response: Http.ServerResponse,
  code: number,
  headers: Array<string>,
  type: string,
  body: Uint8Array
): void => {
  headers.push("Content-Length", String(body.length))
  if (body.length > 0) headers.push("Content-Type", type)
  response.writeHead(code, headers)
  if (body.length === 0) return void response.end()
  if (body.length > oneWrite) response.end(body)
  else response.end(Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1"), "latin1")
}

// Node puts a body that is a string behind the header in one piece; beyond this size the copies cost more than a write.
const oneWrite = 8 * 1024

const appendError = (headers: Array<string>, head: Head, failure: Failure): void => {
  const error = GoMicro.formatError(head.call.service, failure)
  headers.push("Micro-Error", error, "X-Micro-Error", error)
  appendStatus(headers, failure)
}

const appendStatus = (headers: Array<string>, failure: Failure): void => {
  headers.push(statusHeader, failure.status)
  if (failure.retryAfter === undefined) return
  // It has no word for never.
  if (Number.isFinite(failure.retryAfter)) headers.push("Retry-After", String(Math.ceil(failure.retryAfter / 1000)))
  headers.push(retryAfterHeader, String(failure.retryAfter))
}

const contentType = (head: Head, reply: Reply): string =>
  isFailure(reply) && reply.status !== "Error" ? "text/plain; charset=utf-8" : head.call.contentType

const explanation = (failure: Failure): Uint8Array =>
  Buffer.from(
    JSON.stringify({ error: { status: failure.status, message: Buffer.from(failure.body).toString("utf8") } })
  )
