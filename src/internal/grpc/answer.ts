/**
 * The answer to a call, as a server writes it: a head with the first message, messages, and how it ended.
 */
import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2"
import type { Failure } from "../../Transport.ts"
import * as Details from "./details.ts"
import * as Framing from "./framing.ts"
import * as Messages from "./messages.ts"
import * as Percent from "./percent.ts"
import { codeOf, pushbackTrailer, statusTrailer } from "./statusCodes.ts"

/** To whom, and in what form. */
export interface Form {
  readonly form: string
  readonly contentType: string
  /** Whether the caller is one of us. */
  readonly isOwn: boolean
  /** Whether the caller packs its messages, and so takes packed ones. */
  readonly isGzip: boolean
}

/** Sends the head of an answer, unless that is done. */
export const begin = (stream: ServerHttp2Stream, form: Form): void => {
  if (isOver(stream) || stream.headersSent) return
  stream.respond(head(form), { waitForTrailers: true })
}

/** Ends an answer well. */
export const succeed = (stream: ServerHttp2Stream, form: Form, last?: Uint8Array): void => {
  if (isOver(stream)) return
  begin(stream, form)
  close(stream, { "grpc-status": "0" }, last === undefined ? undefined : Messages.pack(form.isGzip)([last]))
}

/**
 * Answers one of us well and at once. That it went well is in the head: the last frame is the reply, and there are no
 * trailers. It is in the form of the call, and does not say so.
 */
export const whole = (stream: ServerHttp2Stream, reply: Uint8Array): void => {
  if (isOver(stream)) return
  stream.respond(well)
  stream.end(Framing.pack([reply]))
  leave(stream)
}

/** Ends an answer with a failure; one that nothing has gone ahead of is a head alone. */
export const fail = (stream: ServerHttp2Stream, form: Form, reply: Failure, code?: number): void => {
  if (isOver(stream)) return
  const trailers = trailersOf(reply, form, code)
  const error = reply.status === "Error" && form.isOwn ? Framing.pack([reply.body], Framing.Flag.Error) : undefined
  if (error === undefined && !stream.headersSent) {
    stream.respond({ ...head(form), ...trailers }, { endStream: true })
    return leave(stream)
  }
  begin(stream, form)
  close(stream, trailers, error)
}

/** Promises that whoever reads the stream hands on what comes behind the end of its answer. */
export const readPast = (stream: Left): void => {
  stream[behind] = 0
}

/** Takes what has come behind the end of an answer. */
export const pass = (stream: Left, read: Buffer): void => {
  const skipped = (stream[behind] ?? 0) + read.length
  stream[behind] = skipped
  if (skipped > patience && !stream.closed) stream.close(cancel)
}

/** Ends an answer without saying how: nobody knows how far the handler came. */
export const abandon = (stream: ServerHttp2Stream): void => {
  if (!isOver(stream)) stream.close(cancel)
}

// ---------------------------------------------------------------------------------------------------------------------

const isOver = (stream: ServerHttp2Stream): boolean => stream.destroyed || stream.closed || stream.writableEnded

const well = { ":status": 200, "grpc-status": "0" }

/** One of us knows what we unpack; each header less is time. */
const head = ({ form, isGzip, isOwn }: Form): OutgoingHttpHeaders => {
  const headers: OutgoingHttpHeaders = { ":status": 200, "content-type": form }
  if (isOwn) return headers
  headers["grpc-accept-encoding"] = "identity,gzip"
  if (isGzip) headers["grpc-encoding"] = "gzip"
  return headers
}

const close = (stream: ServerHttp2Stream, trailers: OutgoingHttpHeaders, last: Buffer | undefined): void => {
  stream.once("wantTrailers", () => {
    if (stream.destroyed || stream.closed) return
    stream.sendTrailers(trailers)
    leave(stream)
  })
  if (last === undefined) stream.end()
  else stream.end(last)
}

/**
 * Reads past what a client still sends, which it stops when it has heard of the end. One that goes on is cut off; one that
 * says nothing keeps its place among the calls of its own connection.
 *
 * Not at once: a reset overtakes trailers that wait for the socket, and then they are never sent.
 */
const leave = (stream: Left): void => {
  if (stream.readableEnded || stream[behind] !== undefined) return
  readPast(stream)
  stream.removeAllListeners("data")
  stream.on("data", passed)
  stream.resume()
}

const behind = Symbol("behind")

interface Left extends ServerHttp2Stream {
  /** Bytes that came behind the end of the answer. */
  [behind]?: number
}

function passed(this: Left, read: Buffer): void {
  pass(this, read)
}

/** Bytes behind the end of an answer that are read past. */
const patience = 1024 * 1024

const cancel = 8

/** A negative number says: not at all. */
const pushback = (retryAfter: number): string => retryAfter === Infinity ? "-1" : String(Math.ceil(retryAfter))

const trailersOf = (reply: Failure, { contentType, isOwn }: Form, code = codeOf(reply)): OutgoingHttpHeaders => {
  const trailers: OutgoingHttpHeaders = { "grpc-status": String(code), [statusTrailer]: reply.status }
  const message = messageOf(reply, contentType)
  if (message !== "") trailers["grpc-message"] = Percent.encode(message)
  if (reply.retryAfter !== undefined) trailers[pushbackTrailer] = pushback(reply.retryAfter)
  if (reply.status === "Error" && !isOwn && reply.body.length <= Details.limit) {
    trailers[Details.detailsTrailer] = Details.ofError(code, message, reply.body, contentType)
  }
  return trailers
}

/** A failure for people. A short error in JSON speaks for itself, and Go Micro reads its own out of it. */
const messageOf = ({ body, status }: Failure, contentType: string): string =>
  status !== "Error" || (contentType === "application/json" && body.length <= 512)
    ? Buffer.from(body).toString("utf8")
    : `a declared error of ${body.length} bytes`
