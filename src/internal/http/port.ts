/**
 * One listening port for all services of a transport: HTTP/1.1 requests, and connections upgraded to frames.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { CannotListen, type Exchange, TransportError } from "../../Transport.ts"
import type { Answer } from "../answering.ts"
import { protocol } from "../mux/frames.ts"
import * as Mux from "../mux/server.ts"
import type { Wheel } from "../wheel.ts"
import * as Plain from "./server.ts"

export interface Options {
  readonly host: string
  readonly port: number
  readonly maxMessage: number
  readonly maxHeaders: number
  readonly maxCalls: number
  readonly maxConnections: number
  readonly answer: Answer
  readonly wheel: Wheel
  readonly context: Context.Context<never>
}

export interface Port {
  readonly address: AddressInfo
  /** Answers the calls of a service until the scope closes, which interrupts those that still run. */
  readonly serve: (service: string, exchange: Exchange) => Effect.Effect<void, TransportError, Scope.Scope>
}

/** Milliseconds that clients are given to take their leave when the port closes. */
const grace = 1000

/** Opens a port until the scope closes. */
export const open = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Port, TransportError, Scope.Scope> {
  const exchanges = new Map<string, Exchange>()
  const upgraded = new Set<Mux.Server>()
  const plain = Plain.make({
    find: (service, method) => service === undefined ? only(exchanges, method) : exchanges.get(service),
    services: () => [...exchanges.keys()],
    context: options.context,
    limits: { maxMessage: options.maxMessage }
  })
  const server = Http.createServer(
    { ...Plain.serverOptions, ...upgradeOptions },
    plain.request
  )
  server.maxConnections = options.maxConnections
  server.on("upgrade", (request, socket: Socket, head) => {
    if (!asksForFrames(request)) return refuseUpgrade(socket)
    accept(socket)
    const connection = Mux.make(socket, head, { ...options, find: (service) => exchanges.get(service) })
    upgraded.add(connection)
    socket.on("close", () => upgraded.delete(connection))
  })
  // What is no HTTP is answered so and goes; the process does not.
  server.on("clientError", (_error, socket) => {
    if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    else socket.destroy()
  })
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  const leave = Effect.gen(function*() {
    plain.drain()
    for (const connection of upgraded) connection.leave()
    const closed = close(server)
    yield* Effect.timeoutOption(closed, grace)
    for (const socket of sockets) socket.destroy()
  })
  yield* Effect.acquireRelease(bind(server, options), () => leave)

  const serve: Port["serve"] = (service, exchange) =>
    Effect.asVoid(Effect.acquireRelease(
      Effect.suspend(() => {
        if (exchanges.has(service)) {
          const address = `http://${options.host}:${options.port}`
          const reason = new CannotListen({ address, problem: `${service} is served here already` })
          return Effect.fail(new TransportError({ reason }))
        }
        return Effect.sync(() => exchanges.set(service, exchange))
      }),
      () =>
        Effect.sync(() => {
          exchanges.delete(service)
          for (const connection of upgraded) connection.evict(service)
        })
    ))
  return { address: server.address() as AddressInfo, serve }
})

// ---------------------------------------------------------------------------------------------------------------------

const asksForFrames = (request: Http.IncomingMessage): boolean => request.headers.upgrade?.toLowerCase() === protocol

// Later versions of Node let a server decline an upgrade it does not know, and answer the request as if none was asked
// for; `curl --http2` asks for one. The types do not tell of it everywhere.
const upgradeOptions: Http.ServerOptions = { shouldUpgradeCallback: asksForFrames } as Http.ServerOptions

const accept = (socket: Socket): void => {
  socket.setNoDelay(true)
  socket.setTimeout(0)
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`)
}

const refuseUpgrade = (socket: Socket): void =>
  void socket.end(
    `HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\nUpgrade: ${protocol}\r\nContent-Length: 0\r\n\r\n`
  )

/** Who answers a call that names no service: the only one there is. */
const only = (exchanges: ReadonlyMap<string, Exchange>, method: string): Exchange | undefined => {
  if (exchanges.size === 1) return exchanges.values().next().value
  const service = method.slice(0, method.indexOf(".")).toLowerCase()
  return exchanges.get(service)
}

const bind = (server: Http.Server, { host, port }: Options): Effect.Effect<void, TransportError> =>
  Effect.callback<void, TransportError>((resume) => {
    const refused = (cause: NodeJS.ErrnoException) => {
      const problem = cause.code === "EADDRINUSE"
        ? "the port is in use"
        : cause.code === "EACCES"
        ? "this port is not for us"
        : cause.message
      const reason = new CannotListen({ address: `http://${host}:${port}`, problem, cause })
      resume(Effect.fail(new TransportError({ reason })))
    }
    server.once("error", refused)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.removeListener("error", refused)
      resume(Effect.void)
    })
  })

const close = (server: Http.Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
