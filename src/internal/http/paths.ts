/** `/<service>/<method>`, the path of a call; and where the brokers of Go Micro post their events. */

/** A service and a method as the path names them: `orders` and `place`, or `orders` and `Orders.place`. */
export interface Target {
  readonly service: string
  readonly method: string
}

/** What the path of a request says: a target, something else, or nothing readable. */
export type Parsed = Target | "NotACall" | "Malformed"

/** Reads the target of a request line. */
export const parse = (url: string): Parsed => {
  const query = url.indexOf("?")
  const end = query === -1 ? url.length : query
  const slash = url.indexOf("/", 1)
  if (query !== -1 && eventPaths.has(url.slice(0, query))) return ofEvent(url.slice(query + 1))
  if (url[0] !== "/" || slash <= 1 || slash >= end - 1) return "NotACall"
  if (url.slice(slash + 1, end).includes("/")) return "NotACall"
  const service = decode(url.slice(1, slash))
  const method = decode(url.slice(slash + 1, end))
  return service === undefined || method === undefined ? "Malformed" : { service, method }
}

/** The path of a target. */
export const format = ({ method, service }: Target): string =>
  `/${encodeURIComponent(service.toWellFormed())}/${encodeURIComponent(method.toWellFormed())}`

/** The message in a request line, `?payload=` with JSON in it; none is the empty message. Of several the first counts. */
export const payload = (url: string): Uint8Array => {
  const query = url.indexOf("?")
  return Buffer.from(query === -1 ? "" : new URLSearchParams(url.slice(query)).get("payload") ?? "", "utf8")
}

// ---------------------------------------------------------------------------------------------------------------------

/** Of Go Micro's later versions, and of its first: `/?id=<subscription>`. */
const eventPaths: ReadonlySet<string> = new Set(["/", "/_sub"])

const ofEvent = (query: string): Parsed => {
  const id = new URLSearchParams(query).get("id")
  return id === null || id === "" ? "NotACall" : { service: "micro.http.broker", method: id }
}

const decode = (segment: string): string | undefined => {
  if (!segment.includes("%")) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}
