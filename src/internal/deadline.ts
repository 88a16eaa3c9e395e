/**
 * What becomes of a call whose time is up, at either end of whatever lane.
 */
import { type Call, type Failure, failure } from "../Transport.ts"
import type { Entry, Wheel } from "./wheel.ts"

/** The reply of a call whose deadline has passed. */
export const expired = (call: Call): Failure =>
  failure("DeadlineExceeded", `The deadline of ${call.service}/${call.method} has passed`)

/** Calls `expire` with that reply when the deadline of a call has passed, if it has one. */
export const watch = (wheel: Wheel, call: Call, expire: (reply: Failure) => void): Entry | undefined =>
  call.timeout === undefined ? undefined : wheel.add(call.timeout, () => expire(expired(call)))
