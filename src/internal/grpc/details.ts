/**
 * `google.rpc.Status`: a code, a message, and details of any type.
 *
 * ```proto
 * message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
 * ```
 */

import * as Fields from "./fields.ts"

/** Carries a status in its binary form. */
export const detailsTrailer = "grpc-status-details-bin"

/** Bytes of a declared error that travel as a detail at most: more would not fit into the headers that clients take. */
export const limit = 4096

/**
 * A status whose only detail is a declared error, in base64.
 *
 * **Details**
 *
 * The error is wrapped into a type that every client has: JSON and other text is a `google.protobuf.StringValue`,
 * anything else a `google.protobuf.BytesValue`.
 */
export const ofError = (code: number, message: string, error: Uint8Array, contentType: string): string => {
  const type = /^(text\/|application\/json$)/.test(contentType) ? "StringValue" : "BytesValue"
  const any = [
    Fields.bytes(1, `type.googleapis.com/google.protobuf.${type}`),
    Fields.bytes(2, error.length === 0 ? error : Fields.bytes(1, error))
  ]
  return Buffer.concat([ofStatus(code, message), Fields.bytes(3, Buffer.concat(any))]).toString("base64")
}

/** A status without details. */
export const ofStatus = (code: number, message: string): Buffer => {
  const text = Buffer.from(message)
  const head = Fields.number(1, code)
  return text.length === 0 ? head : Buffer.concat([head, Fields.bytes(2, text)])
}
