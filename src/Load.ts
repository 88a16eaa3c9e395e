/**
 * How busy a server is, by its own word. Its callers see only their own part of it.
 */

/** What a server says of itself. */
export interface Busy {
  /** Calls that it has, of all callers; those that wait for a place among them. */
  readonly inFlight: number
  /** Milliseconds that its handlers took lately, on average; 0 where none has ended since somebody asked. */
  readonly serviceTime: number
}

/** The same, as it was heard. */
export interface Load extends Busy {
  /** Milliseconds that the last probe took, there and back. */
  readonly roundTrip: number
  /** When that came in, in milliseconds of the monotonic clock. */
  readonly at: number
}
