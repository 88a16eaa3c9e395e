/**
 * `google.rpc.Status`: a code, a message, and details of any type.
 *
 * ```proto
 * message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }
 * ```
 */

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
    field(1, Buffer.from(`type.googleapis.com/google.protobuf.${type}`)),
    field(2, error.length === 0 ? error : field(1, error))
  ]
  return Buffer.concat([ofStatus(code, message), field(3, Buffer.concat(any))]).toString("base64")
}

/** A status without details. */
export const ofStatus = (code: number, message: string): Buffer => {
  const text = Buffer.from(message)
  const head = Buffer.from([0x08, code])
  return text.length === 0 ? head : Buffer.concat([head, field(2, text)])
}

// ---------------------------------------------------------------------------------------------------------------------

/** A length-delimited field. */
const field = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([number << 3 | 2, ...varint(bytes.length)]), bytes])

const varint = (value: number): ReadonlyArray<number> =>
  value < 0x80 ? [value] : [value & 0x7f | 0x80, ...varint(value >>> 7)]
