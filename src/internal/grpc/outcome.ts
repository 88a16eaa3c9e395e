/**
 * How a call over gRPC has ended, as a client reads it.
 */
import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2"
import { type Call, type Failure, failure, type Status } from "../../Transport.ts"
import * as Details from "./details.ts"
import * as Percent from "./percent.ts"
import { fromGrpc, fromHttp, isStatus, pushbackTrailer, statusTrailer } from "./statusCodes.ts"

/** A failure, nothing where the call went well, or why it is not known whether a handler ran. */
export type Outcome = Failure | "done" | Error

/** The head of an answer, or its trailers. */
export type Headers = IncomingHttpHeaders & IncomingHttpStatusHeader

/**
 * Reads the trailers of an answer, or the head of one that has nothing else. `error` is the declared error that came as
 * the last message.
 *
 * **Details**
 *
 * What a server that is not one of us says for itself is a declared error of the shape `{ code, message }`, in JSON or in
 * protobuf, where it is `google.rpc.Status`. In any other content type it is the message alone.
 */
export const read = (call: Call, trailers: Headers, error: Uint8Array | undefined): Outcome => {
  const code = codeOf(trailers)
  if (code === undefined) return new Error("the answer ended without a status of gRPC")
  if (code === 0) return "done"
  const message = Percent.decode(textOf(trailers["grpc-message"]))
  const own = trailers[statusTrailer]
  if (isStatus(own)) return failure(own, own === "Error" ? error ?? message : message, retryAfterOf(own, trailers))
  const status = fromGrpc(code)
  if (status === undefined) return new Error(message === "" ? `the answer is the code ${code} of gRPC` : message)
  if (status !== "Error") return failure(status, message, retryAfterOf(status, trailers))
  return failure("Error", foreign(call.contentType, code, message, textOf(trailers[Details.detailsTrailer])))
}

/** Whether a head says all that there is to say: it is no answer of gRPC, or a failure that nothing goes ahead of. */
export const isEnd = (head: Headers): boolean => head["grpc-status"] !== undefined || head[":status"] !== 200

// ---------------------------------------------------------------------------------------------------------------------

const textOf = (value: string | Array<string> | undefined): string => value === undefined ? "" : String(value)

const codeOf = (trailers: Headers): number | undefined => {
  const status = trailers["grpc-status"]
  if (status === "0") return 0
  if (status !== undefined) return /^\d{1,3}$/.test(String(status)) ? Number(status) : 2
  const http = trailers[":status"]
  return http === undefined || http === 200 ? undefined : fromHttp(http)
}

/** A negative number, or what is none, asks not to come back at all. */
const retryAfterOf = (status: Status, trailers: Headers): number | undefined => {
  const text = textOf(trailers[pushbackTrailer])
  if (status !== "Overloaded" || text === "") return undefined
  return /^\d{1,15}$/.test(text) ? Number(text) : Infinity
}

const foreign = (contentType: string, code: number, message: string, details: string): Uint8Array | string => {
  if (contentType === "application/json") return JSON.stringify({ code, message })
  if (contentType !== "application/protobuf") return message
  return details === "" ? Details.ofStatus(code, message) : Buffer.from(details, "base64")
}
