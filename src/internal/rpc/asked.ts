/**
 * A streaming call, and what its lane knows of who asks.
 *
 * The lane hangs it on the call, as only a lane of this library can; from any other a handler's side makes use of nothing.
 */
import type { Call } from "../../Transport.ts"

export interface Asked extends Call {
  /** Bytes of a message that may hold several replies. Who asks reads no such messages where it is not told. */
  readonly room?: number | undefined
  /** Whether the replies are pulled by a fiber that does nothing else, and nobody else looks at them on their way. */
  readonly alone?: boolean | undefined
}
