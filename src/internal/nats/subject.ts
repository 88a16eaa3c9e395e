/**
 * Topics as subjects of NATS: the same text, but for what NATS forbids or keeps for itself.
 */
import * as Effect from "effect/Effect"
import { BrokerError, Refused } from "../../BrokerError.ts"

/** Subjects that this package uses for its own purposes. */
export const own = "_micro."

/** Refuses a topic that is no subject, or that is a pattern where none was meant. */
export const check = (topic: string, wildcards: boolean): Effect.Effect<void, BrokerError> => {
  const problem = problemOf(topic, wildcards)
  return problem === undefined ? Effect.void : Effect.fail(new BrokerError({ reason: new Refused({ topic, problem }) }))
}

/** What a pattern may match and no user has published: answers to requests, the server's own affairs, and ours. */
export const isPrivate = (subject: string): boolean =>
  subject.startsWith("$") || subject.startsWith("_INBOX.") || subject.startsWith(own)

// ---------------------------------------------------------------------------------------------------------------------

const problemOf = (topic: string, wildcards: boolean): string | undefined => {
  if (isPrivate(topic)) return `topics that begin with $, _INBOX. or ${own} are taken`
  const tokens = topic.split(".")
  if (tokens.includes("")) return "a topic of NATS has a name before, between and after its dots"
  if (!/[*>]/.test(topic)) return undefined
  if (!wildcards) return "a topic of NATS has neither * nor >"
  const isPattern = tokens.every((token, at) =>
    token === "*" || token === ">" && at === tokens.length - 1 || !/[*>]/.test(token)
  )
  return isPattern ? undefined : "in a pattern * stands between dots, and > at the end"
}
