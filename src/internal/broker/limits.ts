/**
 * What a broker without a server carries: names that can travel as text, and events of a bounded size.
 */
import * as Effect from "effect/Effect"
import { BrokerError, Refused } from "../../BrokerError.ts"
import type { Message } from "../../Message.ts"
import * as Series from "./series.ts"

/** The largest body of an event, in bytes, unless told. */
export const maxBody = 1024 * 1024

/** Characters of all header names and values of an event. */
const maxHeaders = 8 * 1024

const longestName = 200

const longestId = 128

/** Refuses a topic, a group or events that cannot be carried. */
export const check = (
  topic: string,
  { group, messages = [], wildcards }: {
    readonly group?: string | undefined
    readonly wildcards?: boolean | undefined
    readonly messages?: ReadonlyArray<Message>
  },
  largest: number
): Effect.Effect<void, BrokerError> => {
  const problem = ofName("topic", topic) ?? (group === undefined ? undefined : ofName("group", group))
    ?? (wildcards === true ? "this broker has no wildcards" : undefined) ?? ofMessages(messages, largest)
  return problem === undefined ? Effect.void : Effect.fail(new BrokerError({ reason: new Refused({ topic, problem }) }))
}

// ---------------------------------------------------------------------------------------------------------------------

/** By hand: there is one of these for each event, and an expression costs several times as much. */
const isVisible = (text: string, longest: number): boolean => {
  if (text.length === 0 || text.length > longest) return false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x21 || code > 0x7E) return false
  }
  return true
}

const ofName = (what: string, name: string): string | undefined =>
  isVisible(name, longestName) ? undefined : `a ${what} has 1 to ${longestName} visible ASCII characters`

const ofMessages = (messages: ReadonlyArray<Message>, largest: number): string | undefined => {
  let checked: Message["headers"] | undefined
  let series: string | undefined
  for (const message of messages) {
    const { body, headers } = message
    if (body.length > largest) return `an event of ${body.length} bytes is over the limit of ${largest}`
    // The others of a series differ in their places alone.
    const isNew = Series.nameOf(message) !== series
    series = Series.nameOf(message)
    if (isNew && !isVisible(message.id, longestId)) {
      return `an event's id has 1 to ${longestId} visible ASCII characters`
    }
    if (headers === checked) continue
    const size = sizeOf(headers)
    if (size > maxHeaders) return `headers of ${size} characters are over the limit of ${maxHeaders}`
    checked = headers
  }
  return undefined
}

const sizeOf = (headers: Message["headers"]): number =>
  Object.entries(headers).reduce((size, [name, value]) => size + name.length + value.length, 0)
