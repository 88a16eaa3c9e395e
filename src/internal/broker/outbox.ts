/**
 * The sending half of a broker without a server: each party that listens is called, and what it replies is the
 * acknowledgement. A party is a subscriber without a group, or a group, of which one member has to accept.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Header, type Message } from "../../Message.ts"
import type { Instance, Registry } from "../../Registry.ts"
import { type Call, isFailure, type Reply, type TransportError } from "../../Transport.ts"
import type { Connections } from "../connections.ts"

/** What came of an event at one party. A party whose members have all left neither accepts nor refuses. */
export interface Outcome {
  /** The name of the party. */
  readonly party: string
  readonly accepted: boolean
  readonly refusals: ReadonlyArray<Refusal>
}

export interface Refusal {
  readonly subscriber: string
  readonly problem: string
}

export interface Outbox {
  /** Whether an instance is registered still. */
  readonly isListed: (instance: Instance) => boolean
  readonly registry: Registry["Service"]
  readonly connections: Connections
  /** How long a handler may take, in milliseconds. */
  readonly timeout: number
}

/** Gives an event to a party: to its members one after the other, from a random one on, until one accepts. */
export const deliver = (
  outbox: Outbox,
  name: string,
  party: ReadonlyArray<Instance>,
  message: Message
): Effect.Effect<Outcome> =>
  // By lot and not in turn: publishers do not know of each other's turn, so turns would spread no better.
  Effect.flatMap(party.length === 1 ? Effect.succeed(0) : Random.nextIntBetween(0, party.length - 1), (first) => {
    const order = [...party.slice(first), ...party.slice(0, first)]
    const next = (at: number, handed: number, refusals: ReadonlyArray<Refusal>): Effect.Effect<Outcome> => {
      const member = order[at]
      if (member === undefined) return Effect.succeed({ party: name, accepted: false, refusals })
      return Effect.flatMap(attempt(outbox, member, message, handed), (result) => {
        if (result === "accepted") return Effect.succeed({ party: name, accepted: true, refusals: [] })
        // In turn, until the subscription ends that gives it back or somebody else accepts.
        if (result === "returned") return Effect.delay(next((at + 1) % order.length, handed + 1, refusals), pause)
        return next(at + 1, handed, result === "gone" ? refusals : [...refusals, result])
      })
    }
    return next(0, 1, [])
  })

// ---------------------------------------------------------------------------------------------------------------------

const pause = "10 millis"

type Result = "accepted" | "gone" | "returned" | Refusal

const attempt = (outbox: Outbox, member: Instance, message: Message, handed: number): Effect.Effect<Result> => {
  const { [Header.contentType]: contentType = "application/octet-stream", ...others } = message.headers
  const headers = { ...others, [Header.id]: message.id, [Header.attempt]: String(handed) }
  const { timeout } = outbox
  const call: Call = { service: member.service, method: member.id, contentType, headers, timeout }
  return outbox.connections.get(member.address).pipe(
    Effect.flatMap((connection) => connection.unary(call, message.body)),
    Effect.matchEffect({
      onSuccess: (reply) => Effect.succeed(fromReply(member, reply)),
      onFailure: (error) => fromError(outbox, member, error)
    })
  )
}

const decoder = new TextDecoder()

const fromReply = (member: Instance, reply: Reply): Result => {
  if (!isFailure(reply)) return "accepted"
  // The subscription has left, and the registry has yet to hear of it.
  if (reply.status === "Unimplemented") return "gone"
  if (reply.status === "Unavailable") return "returned"
  return { subscriber: member.id, problem: `${reply.status}: ${decoder.decode(reply.body)}` }
}

const fromError = (outbox: Outbox, member: Instance, error: TransportError): Effect.Effect<Result> => {
  if (!outbox.isListed(member)) return Effect.succeed("gone")
  const refusal: Refusal = { subscriber: member.id, problem: error.message }
  return Effect.as(isAway(error) ? outbox.registry.doubt(member) : Effect.void, refusal)
}

const isAway = ({ reason }: TransportError): boolean =>
  reason._tag === "NotConnected" || reason._tag === "ConnectionLost"
