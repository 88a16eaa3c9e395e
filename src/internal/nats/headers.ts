/**
 * Headers of events as headers of NATS. The id has the place that JetStream compares.
 */
import type { Msg, MsgHdrs } from "@nats-io/transport-node"
import { Buffer } from "node:buffer"
import { Header, type Message } from "../../Message.ts"

/** What headers of NATS say. */
export interface Read {
  /** Empty where who published is no broker of this package. */
  readonly id: string
  readonly headers: Message["headers"]
  /** How often the event was handed over before, where brokers have counted. */
  readonly handed: number
}

/** Where the id of a message is. */
export const id = "Nats-Msg-Id"

/** What a message without headers says. */
export const none: Read = { id: "", headers: {}, handed: 0 }

/** What is wrong with headers that NATS cannot carry. */
export const problemOf = (headers: Message["headers"]): string | undefined => {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!-9;-~]+$/.test(name)) return `${JSON.stringify(name)} is no name of a header`
    if (/[\r\n]/.test(value)) return `the header ${name} has more than one line`
  }
  return undefined
}

/** The bytes that no headers of an event exceed, as their text is bounded. */
export const most = 32 * 1024

/** How many bytes the headers of a message take. */
export const sizeOf = (message: Message): number => {
  const lines = [...Object.entries(message.headers), [id, message.id]]
  return lines.reduce(
    (size, [name, value]) => size + Buffer.byteLength(`${name}: ${value}\r\n`),
    "NATS/1.0\r\n\r\n".length
  )
}

/**
 * Headers as the client has them. It throws where a name has a character that it would not write, and what is thrown while
 * it reads a message ends its connection: whoever publishes could do that to all who listen.
 */
export const of = (message: Msg): MsgHdrs | undefined => {
  try {
    return message.headers
  } catch {
    return undefined
  }
}

/** Headers of any publisher; those that the server adds are left out, and none are there where they cannot be read. */
export const read = (message: Msg): Read => {
  const written = of(message)
  const headers: Record<string, string> = {}
  let own = ""
  let handed = 0
  for (const [name, values] of written ?? []) {
    const value = values.length === 1 ? values[0]! : values.join(", ")
    if (name === id) {
      own = value
      continue
    }
    const lower = name.toLowerCase()
    if (lower === Header.attempt) handed = Number.parseInt(value, 10) || 0
    else if (!lower.startsWith("nats-")) headers[lower] = value
  }
  return { id: own, headers, handed }
}
