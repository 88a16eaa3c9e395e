/**
 * As much of an API server of Kubernetes as a list and a watch of slices take, over real sockets: versions, bookmarks, and
 * versions that are too old.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import * as https from "node:https"
import { listening } from "../http/listening.ts"

export interface Slice {
  readonly name: string
  readonly service: string
  readonly addressType?: string
  readonly endpoints?: ReadonlyArray<object>
  readonly ports?: ReadonlyArray<object>
}

export interface Server {
  readonly url: string
  /** Every request so far: its path and query. */
  readonly requests: ReadonlyArray<string>
  readonly put: (slice: Slice) => Effect.Effect<void>
  readonly remove: (name: string) => Effect.Effect<void>
  /** Tells all watches the newest version. */
  readonly bookmark: Effect.Effect<void>
  /** Forgets what has changed until now: who watches from before is refused. */
  readonly compact: Effect.Effect<void>
  /** Ends the watches as after their time, or as a connection breaks. */
  readonly end: (how: "well" | "broken") => Effect.Effect<void>
  /** Is done when somebody watches. */
  readonly awaited: Effect.Effect<void>
  /** Refuses who does not say this token. */
  readonly expect: (token: string) => Effect.Effect<void>
}

interface Watch {
  readonly selector: string | null
  readonly response: http.ServerResponse
}

interface Event {
  readonly version: number
  readonly type: "ADDED" | "MODIFIED" | "DELETED"
  readonly slice: Slice
}

const prefix = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"

/** A server until the scope closes, of the namespace `shop`; over TLS where it has certificates. */
export const open = Effect.fnUntraced(function*(
  tls?: https.ServerOptions
): Effect.fn.Return<Server, never, Scope.Scope> {
  const slices = new Map<string, Slice>()
  const versions = new Map<string, number>()
  const watches = new Set<Watch>()
  const requests: Array<string> = []
  const curious: Array<() => void> = []
  let events: Array<Event> = []
  let version = 100
  let oldest = 100
  let token: string | undefined

  const object = ({ endpoints, name, ports, service, addressType = "IPv4" }: Slice, resourceVersion: number) => ({
    metadata: { name, resourceVersion: String(resourceVersion), labels: { "kubernetes.io/service-name": service } },
    addressType,
    endpoints: endpoints ?? null,
    ports: ports ?? [{ name: "rpc", port: 4000 }]
  })
  const matches = (selector: string | null, { service }: Slice): boolean =>
    selector === null || selector === `kubernetes.io/service-name=${service}`
  const line = (value: object): string => `${JSON.stringify(value)}\n`
  const change = (type: Event["type"], slice: Slice): void => {
    const event: Event = { version: ++version, type, slice }
    versions.set(slice.name, version)
    events.push(event)
    for (const { response, selector } of watches) {
      if (matches(selector, slice)) response.write(line({ type, object: object(slice, version) }))
    }
  }
  const watch = (query: URLSearchParams, response: http.ServerResponse): void => {
    const selector = query.get("labelSelector")
    const from = Number(query.get("resourceVersion"))
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders()
    if (from < oldest) {
      response.end(line({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }))
      return
    }
    const one: Watch = { selector, response }
    for (const event of events.filter(({ slice, version }) => version > from && matches(selector, slice))) {
      response.write(line({ type: event.type, object: object(event.slice, event.version) }))
    }
    watches.add(one)
    response.once("close", () => watches.delete(one))
    for (const told of curious.splice(0)) told()
  }
  const listener: http.RequestListener = (request, response) => {
    requests.push(request.url ?? "")
    const url = new URL(request.url ?? "/", "http://api")
    const refuse = (status: number): void => void response.writeHead(status).end(line({ kind: "Status", code: status }))
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) return refuse(401)
    if (url.pathname !== prefix) return refuse(403)
    if (url.searchParams.get("watch") === "1") return watch(url.searchParams, response)
    const selector = url.searchParams.get("labelSelector")
    const found = [...slices.values()].filter((slice) => matches(selector, slice))
    const items = found.map((slice) => object(slice, versions.get(slice.name) ?? version))
    response.writeHead(200).end(JSON.stringify({ metadata: { resourceVersion: String(version) }, items }))
  }
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener)
  const port = yield* listening(server)
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    requests,
    put: (slice) =>
      Effect.sync(() => {
        const type = slices.has(slice.name) ? "MODIFIED" : "ADDED"
        slices.set(slice.name, slice)
        change(type, slice)
      }),
    remove: (name) =>
      Effect.sync(() => {
        const slice = slices.get(name)
        slices.delete(name)
        if (slice !== undefined) change("DELETED", slice)
      }),
    bookmark: Effect.sync(() => {
      const bookmark = line({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(++version) } } })
      for (const { response } of watches) response.write(bookmark)
    }),
    compact: Effect.sync(() => {
      events = []
      oldest = version
    }),
    end: (how) =>
      Effect.sync(() => {
        for (const { response } of watches) {
          if (how === "well") response.end()
          else response.destroy()
        }
        watches.clear()
      }),
    awaited: Effect.callback((resume) => {
      if (watches.size > 0) resume(Effect.void)
      else curious.push(() => resume(Effect.void))
    }),
    expect: (expected) => Effect.sync(() => void (token = expected))
  }
})
