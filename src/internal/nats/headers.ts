/**
 * Headers of events as headers of NATS. The id has the place that JetStream compares, `Nats-Msg-Id`.
 */
import { headers as make, type MsgHdrs } from "@nats-io/transport-node"
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

const idHeader = "Nats-Msg-Id"

/**
 * Writes the headers of messages that were handed over so many times. What it gives is good until it is asked again:
 * the messages of one publishing share their headers, and to check them for each would cost more than the message.
 */
export const writer = (): (message: Message, handed?: number) => MsgHdrs => {
  let last: Message["headers"] | undefined
  let written = make()
  return ({ headers, id }, handed = 0) => {
    if (headers !== last) {
      written = make()
      for (const name in headers) written.append(name, headers[name]!)
      last = headers
    }
    written.set(idHeader, id)
    if (handed > 0) written.set(Header.attempt, String(handed))
    else written.delete(Header.attempt)
    return written
  }
}

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
export const sizeOf = ({ headers, id }: Message): number => {
  const lines = [...Object.entries(headers), [idHeader, id]]
  return lines.reduce(
    (size, [name, value]) => size + Buffer.byteLength(`${name}: ${value}\r\n`),
    "NATS/1.0\r\n\r\n".length
  )
}

/** Headers of any publisher; those that the server adds are left out. */
export const read = (written: MsgHdrs | undefined): Read => {
  const headers: Record<string, string> = {}
  let id = ""
  let handed = 0
  for (const [name, values] of written ?? []) {
    const value = values.length === 1 ? values[0]! : values.join(", ")
    if (name === idHeader) {
      id = value
      continue
    }
    const lower = name.toLowerCase()
    if (lower === Header.attempt) handed = Number.parseInt(value, 10) || 0
    else if (!lower.startsWith("nats-")) headers[lower] = value
  }
  return { id, headers, handed }
}
