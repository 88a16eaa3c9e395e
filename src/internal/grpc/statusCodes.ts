/**
 * The statuses of a reply as codes of gRPC, and back.
 *
 * The status itself travels beside the code, in a trailer of our own, so that between two of us nothing is lost.
 */
import type { Failure, Status } from "../../Transport.ts"

/** Carries the exact status of a failure. */
export const statusTrailer = "effect-micro-status"

/** Carries when to come back, in milliseconds, as gRPC's own retries know it. */
export const pushbackTrailer = "grpc-retry-pushback-ms"

/** The codes that are named here. */
export const Code = { Ok: 0, NotFound: 5, ResourceExhausted: 8, Unimplemented: 12 } as const

/** A failure with a code of its own, where a service of gRPC itself says which. */
export interface Coded extends Failure {
  readonly code: number
}

/** The code of a failure. */
export const codeOf = (failure: Failure | Coded): number => "code" in failure ? failure.code : codes[failure.status]

/**
 * The code of each status.
 *
 * **Details**
 *
 * A declared error is `FAILED_PRECONDITION`, which no library of gRPC makes by itself: who sees it knows that a handler
 * said no.
 */
export const codes: Readonly<Record<Status, number>> = {
  Error: 9,
  Defect: 13,
  Unimplemented: Code.Unimplemented,
  Malformed: 3,
  Unavailable: 14,
  DeadlineExceeded: 4,
  Overloaded: Code.ResourceExhausted
}

/** Whether a text names a status. */
export const isStatus = (text: unknown): text is Status => typeof text === "string" && Object.hasOwn(codes, text)

/**
 * What a code means when it came from a server that is not one of us.
 *
 * **Details**
 *
 * `undefined` where it leaves open whether a handler ran: `CANCELLED`, and `UNAVAILABLE`, which a proxy also says of a
 * connection that broke. What servers say for themselves, `NOT_FOUND` say, is `Error`: a contract may declare it.
 */
export const fromGrpc = (code: number): Status | undefined => {
  switch (code) {
    case 1:
    case 14:
      return undefined
    case 4:
      return "DeadlineExceeded"
    case Code.ResourceExhausted:
      return "Overloaded"
    case Code.Unimplemented:
      return "Unimplemented"
    case 13:
    case 15:
      return "Defect"
    default:
      return "Error"
  }
}

/** The code that stands for an HTTP status, where something answers that speaks no gRPC. */
export const fromHttp = (status: number): number => {
  switch (status) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return Code.Unimplemented
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return 2
  }
}
