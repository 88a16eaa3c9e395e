/**
 * Calls that wait for a place to run: bounded in number and in bytes, those of low priority behind the others.
 *
 * First come, first served, until somebody has stood here for so long that it is no burst. Then the newest goes first:
 * its caller is the one most likely to be there still, whereas a queue that is never empty would make everybody wait for
 * as long as it is.
 *
 * Time is an argument, and there is no effect in here, so that a simulation can run it.
 */
import type { Failure } from "../../Transport.ts"

export interface Options {
  /** How many calls may wait. */
  readonly size: number
  /** How many bytes their messages may have together; a single one may have more. */
  readonly bytes: number
}

/** A call that waits. */
export interface Ticket {
  readonly low: boolean
  readonly bytes: number
  /** Ends the wait: with a failure, or with none where the call may run. */
  readonly settle: (refused: Failure | undefined) => void
  older: Ticket | undefined
  newer: Ticket | undefined
  waits: boolean
}

export interface Waiting {
  readonly options: Options
  size: number
  bytes: number
  /** Since when there has always been somebody, in milliseconds of the monotonic clock. */
  since: number
  readonly normal: Row
  readonly low: Row
}

/** A burst is over in so many milliseconds; a queue that still stands then is an overload. */
const burst = 100

export const make = (options: Options): Waiting => ({
  options,
  size: 0,
  bytes: 0,
  since: 0,
  normal: { oldest: undefined, newest: undefined },
  low: { oldest: undefined, newest: undefined }
})

/** Whether a call of so many bytes finds room. Where it does not, a call of low priority may make it. */
export const hasRoom = ({ bytes, options, size }: Waiting, more: number): boolean =>
  size < options.size && (size === 0 || bytes + more <= options.bytes)

/** A call waits from now on. */
export const add = (
  self: Waiting,
  low: boolean,
  bytes: number,
  settle: (refused: Failure | undefined) => void,
  now: number
): Ticket => {
  const row = low ? self.low : self.normal
  const ticket: Ticket = { low, bytes, settle, older: row.newest, newer: undefined, waits: true }
  if (row.newest === undefined) row.oldest = ticket
  else row.newest.newer = ticket
  row.newest = ticket
  if (self.size++ === 0) self.since = now
  self.bytes += bytes
  return ticket
}

/** A call waits no more, if it did. */
export const remove = (self: Waiting, ticket: Ticket): void => {
  if (!ticket.waits) return
  ticket.waits = false
  const { newer, older } = ticket
  const row = ticket.low ? self.low : self.normal
  if (older === undefined) row.oldest = newer
  else older.newer = newer
  if (newer === undefined) row.newest = older
  else newer.older = older
  self.size--
  self.bytes -= ticket.bytes
}

/** Whose turn it is. */
export const next = ({ low, normal, since }: Waiting, now: number): Ticket | undefined =>
  now - since > burst ? normal.newest ?? low.newest : normal.oldest ?? low.oldest

/** Who makes room for a call of normal priority. */
export const least = ({ low }: Waiting): Ticket | undefined => low.oldest

// ---------------------------------------------------------------------------------------------------------------------

interface Row {
  oldest: Ticket | undefined
  newest: Ticket | undefined
}
