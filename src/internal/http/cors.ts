/**
 * Which pages may call: the server's part of the fetch standard.
 *
 * A browser tells where a page comes from. It sends many requests without asking first, and only hides the answer; so a
 * page that may not call is refused here, before a handler runs. Whoever is no browser is never asked where he comes from.
 */
import * as Duration from "effect/Duration"
import { retryAfterHeader, statusHeader } from "./statusCodes.ts"

export interface Options {
  /** Origins of the pages that may call, as browsers write them: `https://shop.example`. Or `"*"`, all of them. */
  readonly origins: ReadonlyArray<string> | "*"
  /** Metadata that they may send, beside the trace: `["authorization"]`. Default none. */
  readonly headers?: ReadonlyArray<string> | undefined
  /** Whether they may call with cookies. Default not. */
  readonly credentials?: boolean | undefined
  /** How long a browser may remember what it was told. Default 2 hours, the most that browsers heed. */
  readonly maxAge?: Duration.Input | undefined
}

/** What a request tells of the page that it comes from. */
export interface Visitor {
  readonly headers: Readonly<Record<string, string>>
  readonly host: string | undefined
}

export interface Cors {
  /** What every answer says beside its own. */
  readonly headers: (visitor: Visitor) => ReadonlyArray<string>
  /** What the answer to a preflight says. */
  readonly preflight: (visitor: Visitor) => ReadonlyArray<string>
  /** Why a page may not call; undefined where it may, or where there is no page. */
  readonly problemOf: (visitor: Visitor) => string | undefined
}

/** No page of another origin may call. */
export const none: Cors = {
  headers: () => nothing,
  preflight: () => nothing,
  problemOf: (visitor) => isForeign(visitor) ? `${nameOf(visitor)} may not call here: the port has no cors` : undefined
}

/** The pages of some origins may call. Throws where an option makes no sense. */
export const make = (options: Options): Cors => {
  const { credentials, origins } = options
  check(options)
  const age = String(Math.floor(Duration.toSeconds(options.maxAge ?? "2 hours")))
  const accepted = [...ours, ...(options.headers ?? [])].join(", ")
  const listed = origins === "*" ? undefined : new Set(origins)
  const vary = listed === undefined ? nothing : ["Vary", "Origin"]
  const isAllowed = ({ headers: { origin } }: Visitor) =>
    listed === undefined || (origin !== undefined && listed.has(origin))
  const granted = (visitor: Visitor, more: ReadonlyArray<string>): ReadonlyArray<string> => {
    const { origin } = visitor.headers
    if (origin === undefined || !isAllowed(visitor)) return vary
    const grant = ["Access-Control-Allow-Origin", listed === undefined ? "*" : origin]
    if (credentials === true) grant.push("Access-Control-Allow-Credentials", "true")
    return [...grant, ...more, ...vary]
  }
  const exposing = ["Access-Control-Expose-Headers", exposed.join(", ")]
  const asked = [
    "Access-Control-Allow-Methods",
    "GET, POST",
    "Access-Control-Allow-Headers",
    accepted,
    "Access-Control-Max-Age",
    age
  ]
  return {
    headers: (visitor) => granted(visitor, exposing),
    preflight: (visitor) => granted(visitor, asked),
    problemOf: (visitor) =>
      isForeign(visitor) && !isAllowed(visitor)
        ? `${nameOf(visitor)} may not call here: it is none of the origins of the port's cors`
        : undefined
  }
}

/** Whether a browser asks if a page may send what it is about to send. */
export const isPreflight = (method: string | undefined, { headers }: Visitor): boolean =>
  method === "OPTIONS" && headers["origin"] !== undefined && headers["access-control-request-method"] !== undefined

// ---------------------------------------------------------------------------------------------------------------------

const nothing: ReadonlyArray<string> = []

/** What a page may send unasked for: what steers a call, and the trace that it is part of. */
const ours = [
  "Content-Type",
  "Timeout",
  "Micro-Service",
  "Micro-Endpoint",
  "Last-Event-ID",
  "traceparent",
  "tracestate",
  "baggage"
]

/** What a page may read of an answer, beside what it always may. */
const exposed = [statusHeader, retryAfterHeader, "Retry-After", "Micro-Error"]

// A browser of today says so itself, where it trusts the address: a proxy may have put another host in between.
const isForeign = ({ headers: { origin, ["sec-fetch-site"]: site }, host }: Visitor): boolean =>
  site !== undefined
    ? site !== "same-origin" && site !== "none"
    : origin !== undefined && URL.parse(origin)?.host !== host?.toLowerCase()

const nameOf = ({ headers: { origin } }: Visitor): string =>
  origin === undefined ? "A page of another site" : `A page of ${origin.slice(0, 200)}`

const check = ({ credentials, headers = [], maxAge, origins }: Options): void => {
  if (origins === "*") {
    if (credentials === true) {
      throw new RangeError("cors: pages of all origins may not call with credentials; list some")
    }
  } else {
    if (origins.length === 0) throw new RangeError("cors: no origin is listed; leave cors out to allow none")
    for (const origin of origins) checkOrigin(origin)
  }
  for (const name of headers) {
    if (!token.test(name) || name === "*") throw new RangeError(`cors: ${JSON.stringify(name)} is no name of a header`)
  }
  const seconds = maxAge === undefined ? 0 : Duration.toSeconds(maxAge)
  if (!Number.isFinite(seconds) || seconds < 0) throw new RangeError(`cors: maxAge is no length of time: ${seconds} s`)
}

const checkOrigin = (origin: string): void => {
  const wrong = (why: string) => new RangeError(`cors: ${JSON.stringify(origin)} is no origin: ${why}`)
  if (origin === "null") throw wrong("it is what every page without one says")
  if (origin.includes("*")) throw wrong("there are no patterns; list each, or all by \"*\" instead of a list")
  const url = URL.parse(origin)
  if (url === null || !own.test(origin)) throw wrong(`one is a scheme and a host, ${hint(url)}`)
  // Of schemes that are not the web's, the standard has no origin: those of apps are compared as they are.
  if (url.origin !== "null" && url.origin !== origin) throw wrong(`browsers write it ${url.origin}`)
}

const hint = (url: URL | null): string =>
  url !== null && url.origin !== "null" ? url.origin : "https://shop.example for one"

const own = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
