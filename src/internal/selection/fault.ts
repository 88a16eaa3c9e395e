/**
 * What the exit of a lease says about an instance.
 */
import type * as Exit from "effect/Exit"
import type { RpcError } from "../../RpcError.ts"
import type { Failure, TransportError } from "../../Transport.ts"

/** Whether nobody listens there. */
export const isRefused = (exit: Exit.Failure<unknown, unknown>): boolean => {
  const error = errorOf<TransportError>(exit)
  return error?._tag === "TransportError" && error.reason?._tag === "NotConnected"
}

/** Whether it had time enough and let it pass: it may hang, and it may be slow. */
export const isLate = (exit: Exit.Failure<unknown, unknown>): boolean => {
  const error = errorOf<Failure | RpcError>(exit)
  return error?._tag === "Failure"
    ? error.status === "DeadlineExceeded"
    : error?._tag === "RpcError" && error.reason?._tag === "DeadlineExceeded"
}

// ---------------------------------------------------------------------------------------------------------------------

const errorOf = <E>(exit: Exit.Failure<unknown, unknown>): Partial<E> | null | undefined => {
  const reason = exit.cause.reasons[0]
  return reason?._tag === "Fail" ? reason.error as Partial<E> | null | undefined : undefined
}
