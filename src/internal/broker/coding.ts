/**
 * Events to messages and back, by the topic's schema.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { BrokerError, Unreadable } from "../../BrokerError.ts"
import * as Codec from "../../Codec.ts"
import { Header, type Message } from "../../Message.ts"
import * as Id from "../id.ts"
import * as Trace from "../trace.ts"
import * as Series from "./series.ts"

/** A topic as coding sees it. */
export interface Topic {
  readonly name: string
  readonly schema: Codec.Wire
}

/**
 * The messages of events, in one format.
 *
 * **Details**
 *
 * They share their headers and one random id, which each continues with its place: chance and time are asked once.
 */
export const encode = (
  topic: Topic,
  format: Codec.Format,
  events: ReadonlyArray<unknown>
): Effect.Effect<ReadonlyArray<Message>, BrokerError> =>
  Effect.flatMap(Id.make, (id) =>
    Effect.withFiber((fiber) => {
      const coder = format.coder(topic.schema)
      const headers = headersOf(format, fiber.getRef(Clock.Clock), Trace.current(fiber))
      const messages: Array<Message> = []
      for (let place = 0; place < events.length; place++) {
        const body = coder.encode(events[place])
        if (body._tag === "Failure") return Effect.as(Effect.mapError(body, unreadable(topic)), [])
        messages.push(new Series.Numbered(id, place, headers, body.value))
      }
      return Effect.succeed(messages)
    }))

/** What a message holds, or why it cannot be read. */
export type Decoded<A> = Exit.Exit<A, Codec.CodecError>

/**
 * Reads messages of a topic, of any content type that is spoken.
 *
 * **Details**
 *
 * One without a content type is read in the preferred one. The coder is looked up where the type differs from the last.
 */
export const decoder = (topic: Topic, codec: Codec.Codec["Service"]): (message: Message) => Decoded<any> => {
  let last: Message["headers"] | undefined
  let type: string | undefined
  let coder = codec.preferred.coder(topic.schema)
  return ({ body, headers }) => {
    // Those that share their headers are read the same way.
    if (headers === last) return coder.decode(body)
    const contentType = headers[Header.contentType] ?? codec.preferred.contentType
    if (contentType !== type) {
      const format = codec.find(contentType)
      if (format === undefined) {
        const reason = new Codec.UnknownContentType({ contentType, spoken: codec.contentTypes })
        return Exit.fail(new Codec.CodecError({ reason }))
      }
      coder = format.coder(topic.schema)
      type = contentType
    }
    last = headers
    return coder.decode(body)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const headersOf = (
  { contentType }: Codec.Format,
  clock: Context.Service.Shape<typeof Clock.Clock>,
  span: Parameters<typeof Trace.format>[0] | undefined
): Readonly<Record<string, string>> => {
  const time = new Date(clock.currentTimeMillisUnsafe()).toISOString()
  const headers = { [Header.contentType]: contentType, [Header.time]: time }
  return span === undefined ? headers : { ...headers, [Header.traceparent]: Trace.format(span) }
}

const unreadable = ({ name }: Topic) => (cause: Codec.CodecError) =>
  new BrokerError({ reason: new Unreadable({ topic: name, cause }) })
