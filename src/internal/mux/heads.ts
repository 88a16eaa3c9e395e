/**
 * The heads of calls as they arrive: routes that were told before, and what each call adds to them.
 */
import { type Call, type Failure, failure } from "../../Transport.ts"
import { Flag, maxRoute, maxRoutes, readU32 } from "./frames.ts"

/** What is the same in every call of a method. */
type Route = Pick<Call, "service" | "method" | "contentType">

/** The routes of a connection. */
export type Routes = Map<number, Route>

/** A call, and where its message starts. */
export interface Head {
  readonly call: Call
  readonly body: number
}

/** Takes note of a route. False where it is none. */
export const learn = (routes: Routes, id: number, bytes: Buffer, start: number, end: number): boolean => {
  const route = end - start > maxRoute || routes.size >= maxRoutes ? undefined : readRoute(bytes, start, end)
  if (route !== undefined) routes.set(id, route)
  return route !== undefined
}

/** The head of a call; a failure where we take no such call, and nothing where it makes no sense. */
export const read = (
  flags: number,
  bytes: Buffer,
  start: number,
  end: number,
  routes: Routes,
  maxHeaders: number
): Head | Failure | undefined => {
  const timed = (flags & Flag.Time) !== 0
  const headed = (flags & Flag.Headers) !== 0
  let body = start + 4 + (timed ? 4 : 0) + (headed ? 4 : 0)
  if (body > end) return undefined
  const route = routes.get(readU32(bytes, start))
  if (route === undefined) return undefined
  const timeout = timed ? readU32(bytes, start + 4) : undefined
  let headers: Call["headers"] | undefined = noHeaders
  if (headed) {
    const size = readU32(bytes, body - 4)
    if (body + size > end) return undefined
    if (size > maxHeaders) return failure("Malformed", `Headers of ${size} bytes are over the limit of ${maxHeaders}`)
    headers = readHeaders(bytes, body, body + size)
    if (headers === undefined) return undefined
    body += size
  }
  const { contentType, method, service } = route
  return { call: { service, method, contentType, headers, timeout }, body }
}

// ---------------------------------------------------------------------------------------------------------------------

const noHeaders: Call["headers"] = Object.freeze({})

const parse = (bytes: Buffer, start: number, end: number): unknown => {
  try {
    return JSON.parse(bytes.toString("utf8", start, end))
  } catch {
    return undefined
  }
}

const readRoute = (bytes: Buffer, start: number, end: number): Route | undefined => {
  const route = parse(bytes, start, end)
  if (!Array.isArray(route) || route.length !== 3 || !route.every((part) => typeof part === "string")) return undefined
  const [service, method, contentType] = route as [string, string, string]
  return { service, method, contentType }
}

const readHeaders = (bytes: Buffer, start: number, end: number): Call["headers"] | undefined => {
  const headers = parse(bytes, start, end)
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return undefined
  return Object.values(headers).every((value) => typeof value === "string") ? headers as Call["headers"] : undefined
}
