/** Real sockets for the tests of the HTTP/1.1 lane: a server around an exchange, and both ends of a raw connection. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Http from "node:http"
import * as Net from "node:net"
import type { AddressInfo } from "node:net"
import * as Answering from "../../src/internal/answering.ts"
import * as Client from "../../src/internal/http/client.ts"
import * as Server from "../../src/internal/http/server.ts"
import * as Wheel from "../../src/internal/wheel.ts"
import type { Call, Connection, Exchange, Reply, TransportError } from "../../src/Transport.ts"
import { listening } from "./listening.ts"

export interface Running {
  readonly port: number
  readonly url: URL
  readonly lane: Server.Server
  /** Connections accepted so far, and whether each is still open. */
  readonly connections: ReadonlySet<Net.Socket>
}

/** An exchange out of a function; this lane carries no streams. */
export const exchange = (unary: Exchange["unary"]): Exchange => ({ unary, stream: () => Stream.die("no streams here") })

/** The exchange that most tests talk to. */
export const echo = exchange((_call, message) => Effect.succeed(message))

/** Serves exchanges by name on a free port of the loopback interface. */
export const serve = (
  exchanges: Readonly<Record<string, Exchange>>,
  options?: Partial<Pick<Server.Options, "maxMessage" | "maxCalls" | "cors">>
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function*() {
    const names = Object.keys(exchanges)
    const listeners = new Map(names.map((service) => [service, { service, exchange: exchanges[service] }]))
    const context = yield* Effect.context<never>()
    const wheel = yield* Wheel.make
    const lane = Server.make({
      find: (service) => listeners.get(service === "" ? names[0] : service),
      services: () => names,
      answer: Answering.make(context, wheel),
      wheel,
      context,
      maxMessage: 4 * 1024 * 1024,
      maxCalls: 1000,
      ...options
    })
    const connections = new Set<Net.Socket>()
    const server = Http.createServer(Server.serverOptions(16 * 1024), lane.request)
    server.on("connection", (socket) => connections.add(socket))
    const port = yield* listening(server)
    return { port, url: new URL(`http://127.0.0.1:${port}`), lane, connections }
  })

/** A client with these options, and otherwise large ones. */
export const connect = (
  url: URL,
  options?: Partial<Client.Options>
): Effect.Effect<Connection, TransportError, Scope.Scope> =>
  Effect.flatMap(Wheel.make, (wheel) =>
    Client.connect(url, {
      wheel,
      maxMessage: 4 * 1024 * 1024,
      maxHeaders: 16 * 1024,
      maxCalls: 1000,
      connectTimeout: 2000,
      idleTimeout: 60_000,
      ...options
    }))

export interface Raw {
  readonly socket: Net.Socket
  readonly write: (text: string | Uint8Array) => void
  /** The next message with a `Content-Length`, head and body, one character an octet. */
  readonly message: Effect.Effect<string>
  readonly closed: Effect.Effect<void>
}

/** A raw client. */
export const dial = (port: number): Effect.Effect<Raw, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket>((resume) => {
      const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  ).pipe(Effect.map(wrap))

/** A raw server, which hands each connection to `accept`. */
export const listen = (accept: (connection: Raw) => void): Effect.Effect<URL, never, Scope.Scope> =>
  Effect.gen(function*() {
    const sockets = new Set<Net.Socket>()
    const server = Net.createServer((socket) => {
      sockets.add(socket)
      accept(wrap(socket))
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  })

/** A call of `orders`. */
export const call = (method: string, more: Partial<Call> = {}): Call => ({
  service: "orders",
  method,
  contentType: "application/json",
  headers: {},
  ...more
})

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (reply: Reply): string => new TextDecoder().decode(reply instanceof Uint8Array ? reply : reply.body)

/** An exchange that never answers, and what it goes through. */
export const hanging: Effect.Effect<{
  readonly exchange: Exchange
  readonly started: Deferred.Deferred<void>
  readonly interrupted: Deferred.Deferred<void>
}> = Effect.gen(function*() {
  const started = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  return {
    started,
    interrupted,
    exchange: exchange(() =>
      Deferred.succeed(started, undefined).pipe(
        Effect.andThen(Effect.never),
        Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
      )
    )
  }
})

// ---------------------------------------------------------------------------------------------------------------------

const wrap = (socket: Net.Socket): Raw => {
  let received = ""
  let wake = (): void => {}
  socket.setEncoding("latin1")
  socket.on("error", () => {})
  socket.on("data", (chunk: string) => {
    received += chunk
    wake()
  })
  return {
    socket,
    write: (text) => void socket.write(text),
    message: Effect.callback<string>((resume) => {
      wake = () => {
        const end = received.indexOf("\r\n\r\n") + 4
        const length = Number(/content-length: (\d+)/i.exec(received.slice(0, end))?.[1] ?? 0)
        if (end < 4 || received.length < end + length) return
        const message = received.slice(0, end + length)
        received = received.slice(end + length)
        wake = () => {}
        resume(Effect.succeed(message))
      }
      wake()
    }),
    closed: Effect.callback<void>((resume) => {
      if (socket.closed) resume(Effect.void)
      else socket.once("close", () => resume(Effect.void))
    })
  }
}
