/**
 * What is published to core NATS: in runs, each of which the server has taken before the next one leaves.
 */
import * as Effect from "effect/Effect"
import { BrokerError, BrokerUnavailable, Refused } from "../../BrokerError.ts"
import type { Message, Receipt } from "../../Message.ts"
import * as Limits from "../broker/limits.ts"
import * as Head from "./head.ts"
import * as Headers from "./headers.ts"
import type { Link } from "./link.ts"
import * as Subject from "./subject.ts"

/** Of all events that have left and that the server has not taken yet. */
const runEvents = 4096
const runBytes = 4 * 1024 * 1024

export const publish = Effect.fnUntraced(function*(
  link: Link,
  topic: string,
  messages: ReadonlyArray<Message>
): Effect.fn.Return<Receipt, BrokerError> {
  yield* check(topic, messages)
  const connection = yield* Effect.mapError(link.up, unavailable(topic))
  const { max_payload: largest, server_name: server } = connection.info!
  yield* checkSizes(topic, messages, largest)
  const write = Head.writer()
  for (let at = 0; at < messages.length;) {
    for (let bytes = 0, end = at + runEvents; at < messages.length && at < end && bytes < runBytes; at++) {
      const message = messages[at]!
      connection.publish(topic, message.body, { headers: write(message) })
      bytes += message.body.length
    }
    yield* Effect.mapError(link.flush, unavailable(topic))
  }
  return { acceptedBy: [server] }
})

/** Refuses what no server of NATS would carry. */
export const check = (topic: string, messages: ReadonlyArray<Message>): Effect.Effect<void, BrokerError> =>
  Effect.suspend(() => {
    let checked: Message["headers"] | undefined
    for (const { headers } of messages) {
      if (headers === checked) continue
      const problem = Headers.problemOf(headers)
      if (problem !== undefined) return refused(topic, problem)
      checked = headers
    }
    return Effect.andThen(
      Limits.check(topic, { messages }, Number.POSITIVE_INFINITY),
      Subject.check(topic, false)
    )
  })

/** Refuses what this server does not carry, before anything is sent: it would close the connection. */
export const checkSizes = (
  topic: string,
  messages: ReadonlyArray<Message>,
  largest: number
): Effect.Effect<void, BrokerError> => {
  for (const message of messages) {
    if (message.body.length + Headers.most <= largest) continue
    const size = message.body.length + Headers.sizeOf(message)
    if (size > largest) {
      return refused(
        topic,
        `an event of ${size} bytes, with its headers, is over the server's max_payload of ${largest}`
      )
    }
  }
  return Effect.void
}

export const unavailable = (topic: string) => (cause: unknown) =>
  new BrokerError({ reason: new BrokerUnavailable({ topic, cause }) })

// ---------------------------------------------------------------------------------------------------------------------

const refused = (topic: string, problem: string) =>
  Effect.fail(new BrokerError({ reason: new Refused({ topic, problem }) }))
