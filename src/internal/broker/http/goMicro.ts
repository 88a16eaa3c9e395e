/**
 * An event as Go Micro's HTTP brokers write it: a map of headers and the body in base64, as JSON.
 *
 * Written after what v1.18, v5 and v6 were seen to send and to accept.
 */
import { Buffer } from "node:buffer"
import { Header, type Message } from "../../../Message.ts"

/** The names that the first version and the later ones have for the topic: each leaves the other's alone. */
const firstTopic = ":topic"
const topicName = "Micro-Topic"

const names: Readonly<Record<string, string>> = { [Header.contentType]: "Content-Type" }

/** The body of a request. */
export const write = (topic: string, { body, headers, id }: Message): Buffer => {
  const named = Object.entries(headers).map(([name, value]) => [names[name] ?? name, value])
  const header = { ...Object.fromEntries(named), "Micro-Id": id, [topicName]: topic, [firstTopic]: topic }
  return Buffer.from(JSON.stringify({ Header: header, Body: Buffer.from(body).toString("base64") }))
}

/** What a request holds; undefined where it is no event. One without an id is given that one. */
export const read = (bytes: Uint8Array, id: string): Message | undefined => {
  const parsed = parse(bytes)
  if (typeof parsed !== "object" || parsed === null || !("Body" in parsed)) return undefined
  const { Body: body, Header: header } = parsed as { readonly Body: unknown; readonly Header?: unknown }
  // Go writes `null` for what is empty.
  if (typeof (body ?? "") !== "string" || typeof (header ?? {}) !== "object") return undefined
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(header ?? {})) {
    if (typeof value !== "string") return undefined
    headers[name.toLowerCase()] = value
  }
  const { [firstTopic]: _first, "micro-topic": _topic, "micro-id": own, ...others } = headers
  // What a Go Micro server assumes.
  const contentType = others[Header.contentType] ?? "application/protobuf"
  return {
    id: own === undefined || own === "" || own.length > longestId ? id : own,
    headers: { ...others, [Header.contentType]: contentType },
    body: new Uint8Array(Buffer.from((body ?? "") as string, "base64"))
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const longestId = 128

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"))
  } catch {
    return undefined
  }
}
