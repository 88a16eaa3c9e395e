/**
 * One listening port for all services of a transport: HTTP/1.1 requests, and connections upgraded to frames.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
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
  const listeners = new Map<string, Plain.Listener>()
  const upgraded = new Set<Mux.Server>()
  const plain = Plain.make({
    find: (service, method) => service === "" ? meant(listeners, method) : listeners.get(service),
    services: () => [...listeners.keys()],
    answer: options.answer,
    maxMessage: options.maxMessage,
    maxCalls: options.maxCalls
  })
  // What is no HTTP is answered by Node, with 400, 408, 413 or 431 and the end of the connection.
  const server = Http.createServer({ ...Plain.serverOptions(options.maxHeaders), ...upgradeOptions }, plain.request)
  server.maxConnections = options.maxConnections
  server.on("upgrade", (request, socket: Socket, head) => {
    if (!asksForFrames(request)) return refuseUpgrade(socket)
    accept(socket)
    const connection = Mux.make(socket, head, { ...options, find: (service) => listeners.get(service)?.exchange })
    upgraded.add(connection)
    socket.on("close", () => upgraded.delete(connection))
  })
  const sockets = socketsOf(server)
  const leave = Effect.gen(function*() {
    plain.leave()
    for (const connection of upgraded) connection.leave()
    yield* Effect.timeoutOption(close(server), grace)
    for (const socket of sockets) socket.destroy()
  })
  yield* Effect.acquireRelease(bind(server, options), () => leave)
  const evict = (service: string) => {
    plain.evict(service)
    for (const connection of upgraded) connection.evict(service)
  }
  return { address: server.address() as AddressInfo, serve: serving(listeners, options, evict) }
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

// Node has taken its hands off such a socket: an error of it that nobody hears would end the process.
const refuseUpgrade = (socket: Socket): void => {
  socket.on("error", () => socket.destroy())
  socket.write(
    `HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\nUpgrade: ${protocol}\r\nContent-Length: 0\r\n\r\n`
  )
  socket.destroySoon()
}

/** How a service is entered into the list of listeners, and taken out of it when the scope closes. */
const serving =
  (listeners: Map<string, Plain.Listener>, options: Options, evict: (service: string) => void): Port["serve"] =>
  (service, exchange) => {
    const enter = Effect.suspend(() => {
      if (!listeners.has(service)) {
        return Effect.sync(() => listeners.set(service, { service, exchange: suspended(exchange) }))
      }
      const address = `http://${options.host}:${options.port}`
      return cannotListen({ address, problem: `${service} is served here already` })
    })
    const exit = Effect.sync(() => {
      listeners.delete(service)
      evict(service)
    })
    return Effect.asVoid(Effect.acquireRelease(enter, () => exit))
  }

/** The connections that are open. */
const socketsOf = (server: Http.Server): ReadonlySet<Socket> => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  return sockets
}

/** Who must be meant by a call that names no service: the only one, or for `Orders.place` the only `orders`. */
const meant = (listeners: ReadonlyMap<string, Plain.Listener>, method: string): Plain.Listener | undefined => {
  const type = method.slice(0, method.indexOf(".")).toLowerCase()
  const candidates = listeners.size === 1
    ? [...listeners.values()]
    : [...listeners.values()].filter(({ service }) => service.slice(service.lastIndexOf(".") + 1) === type)
  return candidates.length === 1 ? candidates[0] : undefined
}

/** An exchange whose mistakes are the death of a call. What it throws would otherwise end the process. */
const suspended = (exchange: Exchange): Exchange => ({
  unary: (call, message) => Effect.suspend(() => exchange.unary(call, message)),
  stream: (call, messages) => Stream.suspend(() => exchange.stream(call, messages))
})

const cannotListen = (facts: ConstructorParameters<typeof CannotListen>[0]) =>
  Effect.fail(new TransportError({ reason: new CannotListen(facts) }))

const bind = (server: Http.Server, { host, port }: Options): Effect.Effect<void, TransportError> =>
  Effect.callback<void, TransportError>((resume) => {
    const refused = (cause: NodeJS.ErrnoException) => {
      const problem = cause.code === "EADDRINUSE"
        ? "the port is in use"
        : cause.code === "EACCES"
        ? "this port is not for us"
        : cause.message
      resume(cannotListen({ address: `http://${host}:${port}`, problem, cause }))
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
