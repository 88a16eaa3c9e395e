/**
 * Where events go that their subscriber has given up.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { BrokerError } from "../../BrokerError.ts"
import { type Delivery, Header, type Message, type Receipt } from "../../Message.ts"
import * as Id from "../id.ts"

/** Why an event is given up. */
export type Reason = "failed" | "died" | "undecodable" | "returned"

export interface DeadLetters {
  /** Whether a delivery is a dead letter that has come to a subscription with wildcards, which is not for it. */
  readonly isStray: (delivery: Delivery) => boolean
  /** Settles a delivery that a handler has been run for so many times. */
  readonly bury: (
    delivery: Delivery,
    reason: Reason,
    cause: Cause.Cause<unknown>,
    attempts: number
  ) => Effect.Effect<void>
}

/** What a subscription says of its dead letters. */
export interface Options {
  readonly group?: string | undefined
  readonly deadLetter?: string | false | undefined
  readonly wildcards?: boolean | undefined
}

/** How topics of dead letters end unless told. */
const suffix = ".dead"

/** After which an event comes again that could be neither handled nor buried. */
export const pause = Duration.seconds(1)

/** The dead letters of a subscription to a topic. */
export const make = (
  topic: string,
  { deadLetter, group, wildcards }: Options,
  publish: (topic: string, messages: ReadonlyArray<Message>) => Effect.Effect<Receipt, BrokerError>
): Effect.Effect<DeadLetters> =>
  Effect.map(Id.make, (own) => {
    const isGraveyard = topic.endsWith(suffix)
    const graveOf = (from: string) => deadLetter ?? (isGraveyard || from.endsWith(suffix) ? false : from + suffix)
    // The same for all members of a group: an event that two of them bury is one letter to a broker that compares ids.
    const who = group ?? own
    return {
      isStray: (delivery) => wildcards === true && !isGraveyard && delivery.topic.endsWith(suffix),
      bury: Effect.fnUntraced(function*(delivery, reason, cause, attempts) {
        const grave = graveOf(delivery.topic)
        const { id } = delivery.message
        const facts = { topic: delivery.topic, id, reason, attempts, ...(group === undefined ? {} : { group }) }
        if (grave === false) {
          yield* Effect.annotateLogs(Effect.logError("An event was given up, and is lost", cause), facts)
          return yield* delivery.ack
        }
        const letter = letterOf(delivery, { reason, cause, attempts, group, who, now: yield* Clock.currentTimeMillis })
        const sent = yield* Effect.exit(publish(grave, [letter]))
        if (sent._tag === "Failure") {
          yield* Effect.annotateLogs(Effect.logError("A dead letter could not be published", sent.cause), facts)
          return yield* delivery.giveBack(pause)
        }
        yield* sent.value.acceptedBy.length === 0
          ? Effect.annotateLogs(Effect.logError("A dead letter had nobody to take it, and is lost", cause), facts)
          : Effect.annotateLogs(Effect.logWarning("An event went to the dead letters", cause), { ...facts, grave })
        yield* delivery.ack
      })
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

interface Circumstances {
  readonly reason: Reason
  readonly cause: Cause.Cause<unknown>
  readonly attempts: number
  readonly group: string | undefined
  readonly who: string
  readonly now: number
}

const letterOf = (
  { message: { body, headers, id }, topic }: Delivery,
  { attempts, cause, group, now, reason, who }: Circumstances
): Message => ({
  id: `${id}.${who}`.slice(0, longestId),
  headers: {
    ...headers,
    [Header.deadLetterTopic]: topic,
    ...(group === undefined ? {} : { [Header.deadLetterGroup]: group }),
    [Header.deadLetterReason]: reason,
    [Header.deadLetterCause]: lineOf(cause),
    [Header.deadLetterAttempts]: String(attempts),
    [Header.deadLetterTime]: new Date(now).toISOString()
  },
  body
})

const longestId = 128

const longestCause = 1024

/** Without a stack: it may quote what is nobody's business, and a header is no place for it. */
const lineOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  // oxlint-disable-next-line no-control-regex -- they are what a header cannot hold
  return text.slice(0, longestCause).replaceAll(/[\0-\x1f\x7f]+/g, " ")
}
