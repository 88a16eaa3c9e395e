/**
 * The metadata of a call in the headers of a request.
 *
 * gRPC has names of a few characters and values of printable ASCII. What does not fit travels between two of us in one
 * header of its own, as JSON; nobody else sees it. A `-bin` header is base64 at both ends: metadata is text here.
 *
 * What the caller gave as metadata can neither set nor fake a header that steers, and none of those reaches a handler.
 */
import type { IncomingHttpHeaders } from "node:http2"

/** The metadata of a request, and its size in characters. Undefined where it cannot be read. */
export const read = (
  headers: IncomingHttpHeaders
): { readonly metadata: Readonly<Record<string, string>>; readonly size: number } | undefined => {
  const metadata: Record<string, string> = {}
  let size = 0
  const add = (name: string, value: string) => {
    metadata[name] = value
    size += name.length + value.length
  }
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined && isFree(name)) add(name, Array.isArray(value) ? value.join(", ") : value)
  }
  const odd = headers[oddHeader]
  if (odd === undefined) return { metadata, size }
  const pairs = parsePairs(odd)
  for (const [name, value] of pairs ?? []) if (isFree(name)) add(name, value)
  return pairs === undefined ? undefined : { metadata, size }
}

/** Puts the metadata of a call behind the headers of a request. Returns its size in characters. */
export const append = (headers: Array<string>, metadata: Readonly<Record<string, string>>): number => {
  const odd: Array<readonly [string, string]> = []
  let size = 0
  for (const [name, value] of Object.entries(metadata)) {
    if (!isFree(name.toLowerCase())) continue
    size += name.length + value.length
    if (fits(name, value)) headers.push(name, value)
    else odd.push([name, value])
  }
  if (odd.length > 0) headers.push(oddHeader, Buffer.from(JSON.stringify(odd)).toString("base64"))
  return size
}

// ---------------------------------------------------------------------------------------------------------------------

const oddHeader = "effect-micro-metadata-bin"

const fits = (name: string, value: string): boolean =>
  /^[0-9a-z_.-]+$/.test(name)
  && (name.endsWith("-bin") ? /^[0-9A-Za-z+/]*={0,2}$/.test(value) : /^([!-~]([ -~]*[!-~])?)?$/.test(value))

const parsePairs = (header: string | Array<string>): ReadonlyArray<readonly [string, string]> | undefined => {
  try {
    const pairs: unknown = JSON.parse(Buffer.from(String(header), "base64").toString("utf8"))
    return Array.isArray(pairs) && pairs.every(isPair) ? pairs : undefined
  } catch {
    return undefined
  }
}

const isPair = (pair: unknown): pair is readonly [string, string] =>
  Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string")

const isFree = (name: string): boolean => !reserved.has(name) && !/^(:|grpc-|effect-micro)/.test(name)

const reserved: ReadonlySet<string> = new Set([
  "__proto__",
  "connection",
  "content-length",
  "content-type",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "timeout",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent"
])
