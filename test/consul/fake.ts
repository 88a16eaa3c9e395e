/**
 * As much of Consul as a registry talks to, in this process, with its rules for indexes: one server, one agent.
 *
 * It does what a real one cannot be made to do at will: forget, go back to a lower index, lose its leader, hide entries.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import * as https from "node:https"
import type * as net from "node:net"

interface Definition {
  readonly ID: string
  readonly Name: string
  readonly Checks?: ReadonlyArray<{ readonly CheckID: string; readonly TTL?: string; readonly Status?: string }>
}

interface Entry {
  readonly definition: Definition
  readonly created: number
  status: string
  timer: NodeJS.Timeout | undefined
}

export interface Fake {
  readonly url: string
  /** Every request so far: method and path, without what follows. */
  readonly requests: ReadonlyArray<string>
  /** Ends all connections, and listens to nobody until it starts again. */
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
  /** Forgets everything, counts from the beginning, and tells those who wait, as it does when their time is over. */
  readonly forget: Effect.Effect<void>
  /** Is done when somebody waits for a change. */
  readonly awaited: Effect.Effect<void>
  /** Answers reads as a server does that has no leader, with nothing, or as if one had no permission. */
  readonly behave: (how: "well" | "leaderless" | "hiding" | "failing") => Effect.Effect<void>
  /** Changes something that nobody asked for: wakes who waits for a service that is not there. */
  readonly touch: Effect.Effect<void>
}

/** A server on a free port, until the scope closes; over TLS where it has certificates. */
export const open = Effect.fnUntraced(function*(
  tls?: https.ServerOptions
): Effect.fn.Return<Fake, never, Scope.Scope> {
  const state = make()
  const sockets = new Set<net.Socket>()
  let port = 0
  let server: http.Server | undefined
  const start = Effect.callback<void>((resume) => {
    const listener: http.RequestListener = (request, response) => void answer(state, request, response)
    server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener)
    server.on("connection", (socket) => {
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
    })
    const listening = server.listen(port, "127.0.0.1", () => {
      port = (listening.address() as net.AddressInfo).port
      resume(Effect.void)
    })
  })
  const kill = Effect.callback<void>((resume) => {
    for (const socket of sockets) socket.destroy()
    server?.close(() => resume(Effect.void))
    if (server === undefined) resume(Effect.void)
    server = undefined
  })
  yield* start
  yield* Effect.addFinalizer(() =>
    Effect.andThen(Effect.sync(() => state.entries.forEach(({ timer }) => clearTimeout(timer))), kill)
  )
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    requests: state.requests,
    kill,
    start,
    forget: Effect.sync(() => {
      state.entries.forEach(({ timer }) => clearTimeout(timer))
      state.entries.clear()
      state.indexes.clear()
      state.index = 1
      for (const end of state.waiting.values()) end()
    }),
    awaited: Effect.callback((resume) => {
      if (state.waiting.size > 0) resume(Effect.void)
      else state.curious.push(() => resume(Effect.void))
    }),
    behave: (how) => Effect.sync(() => void (state.how = how)),
    touch: Effect.sync(() => changed(state, "another"))
  }
})

// ---------------------------------------------------------------------------------------------------------------------

interface State {
  readonly entries: Map<string, Entry>
  /** The index of the last change of each service that is or was there. */
  readonly indexes: Map<string, number>
  /** Who waits for a change: how it looks whether one has come, and how it waits no longer. */
  readonly waiting: Map<() => void, () => void>
  /** Told once that somebody waits. */
  readonly curious: Array<() => void>
  readonly requests: Array<string>
  index: number
  how: "well" | "leaderless" | "hiding" | "failing"
}

const make = (): State => ({
  entries: new Map(),
  indexes: new Map(),
  waiting: new Map(),
  curious: [],
  requests: [],
  index: 10,
  how: "well"
})

const changed = (state: State, service: string): void => {
  state.indexes.set(service, ++state.index)
  for (const wake of state.waiting.keys()) wake()
}

const answer = async (state: State, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
  const url = new URL(request.url ?? "/", "http://fake")
  const path = decodeURIComponent(url.pathname)
  state.requests.push(`${request.method} ${path}`)
  let text = ""
  for await (const chunk of request) text += chunk
  const end = (status: number, body = "", headers: Record<string, string> = {}): void => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(body)
  }
  if (state.how === "failing") return end(500, "No cluster leader")
  if (path === "/v1/internal/acl/authorize") return end(401, "ACL support disabled")
  const [, service] = /^\/v1\/health\/service\/(.*)$/.exec(path) ?? []
  if (service !== undefined) return await read(state, url, response, end, service)
  if (path === "/v1/catalog/services") return await read(state, url, response, end)
  write(state, path, text, end)
}

const write = (state: State, path: string, text: string, end: (status: number, body?: string) => void): void => {
  const id = path.replace(/^\/v1\/agent\/(service\/deregister|check\/update|service)\//, "")
  if (path === "/v1/agent/service/register") return end(200, register(state, JSON.parse(text) as Definition))
  if (path.startsWith("/v1/agent/service/deregister/")) {
    const entry = state.entries.get(id)
    if (entry === undefined) return end(404, `Unknown service ID "${id}"`)
    clearTimeout(entry.timer)
    state.entries.delete(id)
    changed(state, entry.definition.Name)
    return end(200)
  }
  if (path.startsWith("/v1/agent/check/update/")) {
    const entry = state.entries.get(id.replace(/^service:/, ""))
    if (entry === undefined) return end(404, `Unknown check ID "${id}"`)
    become(state, entry, (JSON.parse(text) as { Status: string }).Status)
    return end(200)
  }
  if (path.startsWith("/v1/agent/service/")) return state.entries.has(id) ? end(200, "{}") : end(404)
  end(404)
}

const register = (state: State, definition: Definition): string => {
  const before = state.entries.get(definition.ID)
  clearTimeout(before?.timer)
  const created = before?.created ?? state.index + 1
  const entry: Entry = { definition, created, status: "", timer: undefined }
  state.entries.set(definition.ID, entry)
  become(state, entry, definition.Checks === undefined ? "passing" : definition.Checks[0]?.Status ?? "critical")
  return ""
}

/** The same status again changes nothing, but how long it is believed. */
const become = (state: State, entry: Entry, status: string): void => {
  clearTimeout(entry.timer)
  const ttl = entry.definition.Checks?.[0]?.TTL
  if (ttl !== undefined && status === "passing") {
    entry.timer = setTimeout(() => become(state, entry, "critical"), Number.parseFloat(ttl))
  }
  if (entry.status === status) return
  entry.status = status
  changed(state, entry.definition.Name)
}

const indexOf = (state: State, service: string | undefined): number =>
  service === undefined ? state.index : state.indexes.get(service) ?? state.index

const read = async (
  state: State,
  url: URL,
  response: http.ServerResponse,
  end: (status: number, body: string, headers: Record<string, string>) => void,
  service?: string
): Promise<void> => {
  const asked = Number(url.searchParams.get("index") ?? 0)
  const wait = Number.parseFloat(url.searchParams.get("wait") ?? "300") * 1000
  if (asked > 1 && indexOf(state, service) <= asked) {
    await new Promise<void>((settle) => {
      const done = (): void => {
        state.waiting.delete(wake)
        clearTimeout(timer)
        settle()
      }
      const wake = (): void => indexOf(state, service) > asked ? done() : undefined
      const timer = setTimeout(done, wait)
      state.waiting.set(wake, done)
      for (const told of state.curious.splice(0)) told()
      response.once("close", done)
    })
  }
  const isEmpty = state.how === "hiding" || state.how === "leaderless"
  end(200, JSON.stringify(service === undefined ? names(state, isEmpty) : isEmpty ? [] : listed(state, service)), {
    "x-consul-index": String(indexOf(state, service)),
    "x-consul-knownleader": String(state.how !== "leaderless"),
    ...state.how === "hiding" ? { "x-consul-results-filtered-by-acls": "true" } : {}
  })
}

const names = (state: State, isEmpty: boolean): object =>
  isEmpty ? {} : Object.fromEntries([
    ["consul", []],
    ...[...state.entries.values()].map(({ definition }) => [definition.Name, []])
  ])

const listed = (state: State, service: string): ReadonlyArray<object> =>
  [...state.entries.values()].filter(({ definition }) => definition.Name === service).map((entry) => ({
    Node: { Node: "one", Address: "127.0.0.1" },
    Service: { ...entry.definition, Service: entry.definition.Name, CreateIndex: entry.created },
    Checks: [{ Status: "passing" }, { Status: entry.status }]
  }))
