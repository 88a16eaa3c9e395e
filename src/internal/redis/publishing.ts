/**
 * What is published to Redis: in runs, each of which the stream has before the next one leaves.
 *
 * An event whose answer has not come is sent again once the server is back, and is there twice if the answer alone was
 * lost: Redis does not compare ids.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Buffer } from "node:buffer"
import { BrokerError, BrokerUnavailable } from "../../BrokerError.ts"
import type { Message, Receipt } from "../../Message.ts"
import * as Entries from "./entries.ts"
import { isRefusal, type Link } from "./link.ts"

/** Publishes to a topic whose stream has this key. */
export type Publish = (
  topic: string,
  key: string,
  messages: ReadonlyArray<Message>
) => Effect.Effect<Receipt, BrokerError>

/** A stream keeps so many events, or a few more. */
export const make = (link: Link, maxLength: number): Publish => {
  const room = Semaphore.makeUnsafe(inFlight)
  const store = (topic: string, key: string, waiting: Map<number, ReadonlyArray<string | Buffer>>) =>
    Effect.gen(function*() {
      for (;;) {
        yield* link.up
        const refusal = yield* Effect.promise(() => sent(link, key, maxLength, waiting))
        if (refusal !== undefined) return yield* Effect.fail(refusal)
        if (waiting.size === 0) return
        yield* Effect.sleep("100 millis")
      }
    }).pipe(
      Effect.timeoutOrElse({
        duration: link.timeout,
        orElse: () => Effect.fail(link.unreachable(`has not stored events of ${topic}`))
      }),
      Effect.mapError(unavailable(topic))
    )
  return Effect.fnUntraced(function*(topic, key, messages) {
    const write = Entries.writer()
    for (let at = 0; at < messages.length; at += run) {
      const some = messages.slice(at, at + run)
      const waiting = new Map(some.map((message, place) => [place, write(message)]))
      yield* room.withPermits(some.length)(store(topic, key, waiting))
    }
    return { acceptedBy: [key] }
  })
}

export const unavailable = (topic: string) => (cause: unknown) =>
  new BrokerError({ reason: new BrokerUnavailable({ topic, cause }) })

// ---------------------------------------------------------------------------------------------------------------------

/** Events of one publishing that are sent and not answered yet. */
const run = 512

/** Those of all publishings. */
const inFlight = 8192

/** Sends what waits, in order, and crosses off what is stored; what the server has refused for good is told. */
const sent = (
  link: Link,
  key: string,
  maxLength: number,
  waiting: Map<number, ReadonlyArray<string | Buffer>>
): Promise<unknown> => {
  let refusal: unknown
  const answers = Array.from(
    waiting,
    ([place, fields]) =>
      link.send(["XADD", key, "MAXLEN", "~", String(maxLength), "*", ...fields]).then(
        () => waiting.delete(place),
        (cause: unknown) => {
          if (isRefusal(cause)) refusal = cause
        }
      )
  )
  return Promise.all(answers).then(() => refusal)
}
