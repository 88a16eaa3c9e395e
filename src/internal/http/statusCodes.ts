/**
 * The statuses of a reply as numbers, and back.
 *
 * There is one table for both forms of the plain lane. The status itself travels beside the number, in a header of our
 * own, so that between two of us nothing is lost in the translation.
 */
import type { Status } from "../../Transport.ts"

/** Carries the exact status of a failure. */
export const statusHeader = "Effect-Micro-Status"

/** Carries `retryAfter` in milliseconds, which `Retry-After` can only say in seconds. */
export const retryAfterHeader = "Effect-Micro-Retry-After"

/**
 * The HTTP status of a failure.
 *
 * **Details**
 *
 * A declared error is 422: the request was understood, and the answer is no. It must be neither 408 nor 500, on which a
 * Go Micro client tries again by itself.
 */
export const httpCodes: Readonly<Record<Status, number>> = {
  Error: 422,
  Defect: 500,
  Unimplemented: 404,
  Malformed: 400,
  Unavailable: 503,
  DeadlineExceeded: 504,
  Overloaded: 429
}

/** The `code` of a Go Micro error: an HTTP status, but that its clients know a passed deadline as 408. */
export const goCodes: Readonly<Record<Status, number>> = { ...httpCodes, DeadlineExceeded: 408 }

/** Whether a text names a status. */
export const isStatus = (text: string): text is Status => Object.hasOwn(httpCodes, text)

/**
 * What an HTTP status means when it came from something that is not one of us, a proxy say.
 *
 * **Details**
 *
 * `undefined` where the answer leaves open whether a handler ran: a gateway's 502 means that its own connection broke.
 */
export const fromHttp = (code: number): Status | undefined => {
  switch (code) {
    case 404:
      return "Unimplemented"
    case 408:
    case 504:
      return "DeadlineExceeded"
    case 429:
      return "Overloaded"
    case 500:
      return "Defect"
    case 502:
      return undefined
    case 503:
      return "Unavailable"
    default:
      return "Malformed"
  }
}
