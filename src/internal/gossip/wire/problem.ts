/**
 * Why bytes are not what a member of this cluster says.
 *
 * Bytes from a network are wrong at any rate, so a problem has no stack, and is a value wherever it leaves this folder.
 */

/** `WrongKey` and `WrongLabel` are about how a cluster is set up; the rest is damage, or somebody else's protocol. */
export type Kind = "Garbled" | "Incomplete" | "TooLarge" | "WrongKey" | "NotEncrypted" | "WrongLabel" | "BadChecksum"

export interface Problem {
  readonly _tag: "Problem"
  readonly kind: Kind
  readonly message: string
}

/** Ends the reading of bytes, up to `attempt`. */
export const fail = (kind: Kind, message: string): never => {
  // A plain value: an `Error` would walk the stack for each packet of a stranger.
  throw { _tag: "Problem", kind, message } satisfies Problem
}

/** What was read, or why it could not be. */
export const attempt = <A>(read: () => A): A | Problem => {
  try {
    return read()
  } catch (thrown) {
    if (isProblem(thrown)) return thrown
    throw thrown
  }
}

export const isProblem = (value: unknown): value is Problem =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "Problem"
