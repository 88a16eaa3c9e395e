/**
 * The headers of a request, parted into those that steer the lane and the metadata of the call.
 *
 * What the caller gave as metadata can neither set nor fake a steering header, and no steering header reaches a handler.
 */
import * as HeaderText from "./headerText.ts"

/** The headers of one request: names in lower case, the first value of a repeated one. */
export interface Parted {
  /** Steering headers, as Node shows them. */
  readonly control: Readonly<Partial<Record<string, string>>>
  /** The caller's metadata, as text. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Parts the flat list of names and values that Node keeps of a request. */
export const part = (raw: ReadonlyArray<string>): Parted => {
  const control: Partial<Record<string, string>> = {}
  const metadata: Record<string, string> = {}
  for (let index = 0; index < raw.length; index += 2) {
    const steering = spelled.get(raw[index])
    if (steering !== undefined) {
      control[steering] ??= raw[index + 1]
      continue
    }
    const name = raw[index].toLowerCase()
    if (reserved.has(name)) control[name] ??= raw[index + 1]
    else if (name !== "__proto__" && !Object.hasOwn(metadata, name)) metadata[name] = HeaderText.decode(raw[index + 1])
  }
  return { control, metadata }
}

/** Appends the metadata of a call to a flat list of headers. Returns its size in characters. */
export const append = (list: Array<string>, metadata: Readonly<Record<string, string>>): number => {
  let size = 0
  for (const name of Object.keys(metadata)) {
    if (reserved.has(name.toLowerCase())) continue
    const value = HeaderText.encode(metadata[name])
    list.push(name, value)
    size += name.length + value.length
  }
  return size
}

// ---------------------------------------------------------------------------------------------------------------------

// `Micro-From-Service`, `Micro-Namespace` and the trace ids are metadata to Go Micro, and so they are here.
const goMicro = ["service", "endpoint", "method", "id", "error", "stream", "topic", "protocol", "target"]

const reserved: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "effect-micro-retry-after",
  "effect-micro-status",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "timeout",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  ...goMicro.map((name) => `micro-${name}`),
  ...goMicro.map((name) => `x-micro-${name}`)
])

// As most clients spell them: to change the case of each header of each request costs more than all else here.
const spelled: ReadonlyMap<string, string> = new Map(
  [...reserved].flatMap((name) => [[name, name], [name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()), name]])
)
