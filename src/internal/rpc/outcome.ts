/**
 * What came of a handler, as the reply that says so.
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { RpcError } from "../../RpcError.ts"
import { type Call, type Failure, failure, type Reply } from "../../Transport.ts"
import { defect } from "../answering.ts"
import * as Accept from "./accept.ts"
import type { Answering, Coders } from "./methods.ts"

/** The reply to a handler that is done. */
export const answer = (exit: Exit.Exit<unknown, unknown>, coders: Answering, call: Call): Reply =>
  exit._tag === "Success" ? success(exit.value, coders) : failed(exit.cause, coders, call)

export const success = (value: unknown, coders: Coders): Reply => {
  const bytes = coders.success.encode(value)
  return bytes._tag === "Success" ? bytes.value : malformed(bytes.cause)
}

/** A handler that did not succeed: its declared error, an `RpcError` passed on, or a defect. */
export const failed = (cause: Cause.Cause<unknown>, coders: Answering, call: Call): Reply => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "None") return defect(cause)
  if (error.value instanceof RpcError) return passedOn(error.value)
  const bytes = coders.error.encode(error.value)
  Accept.tell(call, coders.errorType)
  return bytes._tag === "Success"
    ? failure("Error", bytes.value)
    : failure("Defect", `${call.method} failed with an error that its contract does not declare`)
}

/** A message that could not be read, or written. */
export const malformed = (cause: Cause.Cause<unknown>): Failure => {
  const error = Cause.squash(cause)
  return failure("Malformed", error instanceof Error ? error.message : String(error))
}

// ---------------------------------------------------------------------------------------------------------------------

// This handler has run, whatever became of the call it made: a status that invites to try elsewhere would be a lie.
const passedOn = ({ reason }: RpcError): Failure =>
  failure(
    reason._tag === "DeadlineExceeded" || reason._tag === "Malformed" ? reason._tag : "Defect",
    reason.message
  )
