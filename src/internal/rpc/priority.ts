/**
 * How urgent a call is: a header of it, which every lane carries as metadata.
 */
import type { Call } from "../../Transport.ts"

/** The name of the header. */
export const header = "call-priority"

/** Whether a call is the first to be refused. */
export const isLow = (call: Call): boolean => call.headers[header] === "low"
