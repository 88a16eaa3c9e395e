/**
 * What a lane knows of the other side of a stream.
 *
 * It hangs it on the call, or on the connection, as only a lane of this library can; of any other nothing is made use of.
 */
import type { Call } from "../../Transport.ts"

/** The other side of a stream. */
export interface Room {
  /** Bytes of a message that may hold several values. Who does not tell reads no such messages. */
  readonly room?: number | undefined
}

/** A call whose replies are many. */
export interface Asked extends Call, Room {
  /** Whether the replies are pulled by a fiber that does nothing else, and nobody else looks at them on their way. */
  readonly alone?: boolean | undefined
}
