/**
 * How busy a server is, by its own word. Its callers see only their own part of it.
 */

/** What a server says of itself. */
export interface Load {
  /** Calls that it has, of all callers. */
  readonly inFlight: number
  /** Milliseconds that its handlers took lately, on average; 0 where none has ended yet. */
  readonly serviceTime: number
  /** Milliseconds that the last probe took, there and back. */
  readonly roundTrip: number
  /** When that came in, in milliseconds of the monotonic clock. */
  readonly at: number
}
