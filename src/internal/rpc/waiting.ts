/**
 * Calls that wait for a place to run: bounded in number and in bytes, those of low priority behind the others.
 *
 * First come, first served, until the oldest has used up half of its patience. Then more have come than can be served in
 * time, and the newest goes first: otherwise everybody would wait for almost as long as they may, and the next one for
 * longer. A queue that is never empty but moves on is no reason: those who have come first would be left for the last.
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
  /** When half of its patience is used up, in milliseconds of the monotonic clock. */
  readonly stale: number
  older: Ticket | undefined
  newer: Ticket | undefined
  waits: boolean
}

export interface Waiting {
  readonly options: Options
  size: number
  bytes: number
  readonly normal: Row
  readonly low: Row
}

export const make = (options: Options): Waiting => ({
  options,
  size: 0,
  bytes: 0,
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
  stale: number
): Ticket => {
  const row = low ? self.low : self.normal
  const ticket: Ticket = { low, bytes, settle, stale, older: row.newest, newer: undefined, waits: true }
  if (row.newest === undefined) row.oldest = ticket
  else row.newest.newer = ticket
  row.newest = ticket
  self.size++
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
export const next = ({ low, normal }: Waiting, now: number): Ticket | undefined => first(normal, now) ?? first(low, now)

/** Who makes room for a call of normal priority. */
export const least = ({ low }: Waiting): Ticket | undefined => low.oldest

// ---------------------------------------------------------------------------------------------------------------------

interface Row {
  oldest: Ticket | undefined
  newest: Ticket | undefined
}

const first = ({ newest, oldest }: Row, now: number): Ticket | undefined =>
  oldest !== undefined && now > oldest.stale ? newest : oldest
