/**
 * What an attempt that is over says: about the instance that it went to, and about the pace of the method.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { Failure, Reply } from "../../Transport.ts"
import * as Loan from "../selection/loan.ts"
import * as Attempts from "./attempts.ts"
import type { Fault, Head, Line } from "./line.ts"
import * as Pace from "./pace.ts"
import * as Patience from "./patience.ts"

/** Gives a lease back, with a failure only where it speaks against the instance. */
export const giveBack = (
  line: Line,
  head: Head,
  lease: Scope.Closeable,
  exit: Exit.Exit<Reply | void, Fault>
): Effect.Effect<void> => settle(line, head, lease, outcomeOf(exit)) ?? Effect.void

/**
 * The same for what came of an attempt, nothing where it was given up, at a moment that is known already. Returns what
 * remains to be done.
 */
export const settle = (
  line: Line,
  head: Head,
  lease: Scope.Closeable,
  outcome: Reply | Fault | void,
  end?: number
): Effect.Effect<void> | undefined =>
  // Few strategies leave anything to be done.
  lease.state._tag === "Empty"
    ? undefined
    : Loan.close(lease, isFault(line, head, outcome) ? Exit.fail(outcome) : Exit.void, end)

/** Takes in how long a call took that was answered, or that nobody answered in time, and has ended now. */
export const time = ({ pace }: Line, head: Head, reply: Reply, end: number): void => {
  const counts = reply instanceof Uint8Array || reply.status === "Error" ||
    (reply.status === "DeadlineExceeded" && Patience.isUp(head))
  if (counts) Pace.note(pace, end - head.since, end)
}

// ---------------------------------------------------------------------------------------------------------------------

const outcomeOf = (exit: Exit.Exit<Reply | void, Fault>): Reply | Fault | void => {
  if (exit._tag === "Success") return exit.value
  const reason = exit.cause.reasons[0]
  return reason?._tag === "Fail" ? reason.error : undefined
}

const isFault = (line: Line, head: Head, outcome: Reply | Fault | void): boolean => {
  if (outcome === undefined || outcome instanceof Uint8Array) return false
  return outcome._tag === "Failure" ? isRefusal(line, head, outcome) : isWireFault(line, head, outcome)
}

/** Whether the wire itself failed, and not this one call on it; or there was none in all the time that the call had. */
const isWireFault = (line: Line, head: Head, fault: Fault): boolean =>
  fault._tag === "TransportError"
    ? Attempts.isInstanceFault(fault)
    : fault._tag === "RpcError" && fault.reason._tag === "DeadlineExceeded" && hasHung(line, head)

/** Whether it did not take the call, or let its time pass. */
const isRefusal = (line: Line, head: Head, reply: Failure): boolean => {
  switch (reply.status) {
    case "Unavailable":
    case "Overloaded":
      return true
    case "DeadlineExceeded":
      return hasHung(line, head)
    default:
      return false
  }
}

/** Less time says nothing against who let it pass, in milliseconds. */
const fair = 50

/** So many times what half of the calls take is time enough, too. */
const patience = 3

/**
 * Whether an instance had time enough and let it pass. An attempt that began when the deadline was near proves nothing,
 * nor does a handler that ran into a shorter deadline of its own.
 */
const hasHung = ({ pace }: Line, head: Head): boolean =>
  head.call.timeout !== undefined && head.call.timeout >= Math.max(fair, patience * (pace.half ?? 0)) &&
  Patience.isUp(head)
