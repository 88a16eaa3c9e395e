/**
 * One listening port for all services of a transport: HTTP/1.1 requests, connections upgraded to frames, and gRPC.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { AddressInfo, Socket } from "node:net"
import { CannotListen, type Exchange, TransportError } from "../../Transport.ts"
import type { Answer } from "../answering.ts"
import * as Grpc from "../grpc/intake.ts"
import * as Preface from "../grpc/preface.ts"
import { protocol } from "../mux/frames.ts"
import * as Handshake from "../mux/handshake.ts"
import * as Mux from "../mux/server.ts"
import type { Listen } from "../tls/secure.ts"
import type { Wheel } from "../wheel.ts"
import type { Cors } from "./cors.ts"
import * as Intake from "./intake.ts"
import * as Load from "./load.ts"
import * as Plain from "./server.ts"
import * as SocketFile from "./socketFile.ts"

export interface Options {
  readonly host: string
  readonly port: number
  /** The file of a socket to listen on, instead of host and port. */
  readonly path?: string | undefined
  readonly maxMessage: number
  readonly maxHeaders: number
  readonly maxCalls: number
  readonly maxConnections: number
  readonly answer: Answer
  readonly wheel: Wheel
  readonly context: Context.Context<never>
  /** Which pages may call. */
  readonly cors?: Cors | undefined
  /** Makes the server, where connections are to be safe. */
  readonly secure?: Listen | undefined
}

export interface Port {
  /** Where it listens; nothing where that is a file. */
  readonly address: AddressInfo | undefined
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
    wheel: options.wheel,
    context: options.context,
    maxMessage: options.maxMessage,
    maxCalls: options.maxCalls,
    cors: options.cors
  })
  const intake = Intake.make(plain, options.maxHeaders)
  const grpc = Grpc.make({
    ...options,
    find: (service) => listeners.get(service)?.exchange,
    services: () => listeners.keys(),
    plain: plain.request
  })
  const frames = (socket: Socket, head: Buffer) => {
    const connection = Mux.make(socket, head, {
      ...options,
      find: (service) => listeners.get(service)?.exchange,
      load: () => Load.together(listeners.values())
    })
    upgraded.add(connection)
    socket.on("close", () => upgraded.delete(connection))
  }
  const upgrade = (socket: Socket, head: Buffer) => {
    socket.write(Handshake.accepted)
    frames(socket, head)
  }
  const accept = (socket: Socket, agreed?: string) => {
    if (agreed !== protocol) return tell(socket, upgrade, intake.take, grpc.take)
    frames(socket, Buffer.alloc(0))
  }
  const server = options.secure === undefined
    ? Net.createServer({ noDelay: true }, (socket) => accept(socket))
    : yield* options.secure(spoken, accept)
  const sockets = track(server)
  server.maxConnections = options.maxConnections
  const leave = Effect.gen(function*() {
    plain.leave()
    grpc.leave()
    intake.close()
    for (const connection of upgraded) connection.leave()
    yield* Effect.timeoutOption(close(server), grace)
    for (const socket of sockets) socket.destroy()
  })
  yield* Effect.acquireRelease(bind(server, options), () => leave)
  const evict = (service: string) => {
    plain.evict(service)
    grpc.evict(service)
    for (const connection of upgraded) connection.evict(service)
  }
  const address = server.address()
  return {
    address: typeof address === "object" ? address ?? undefined : undefined,
    serve: serving(listeners, options, evict)
  }
})

// ---------------------------------------------------------------------------------------------------------------------

/** What is agreed on under TLS, the best first: of what a client offers, the first that is here. */
const spoken = [protocol, "h2", "http/1.1"]

/** The sockets of a server while they are open; under TLS those below, which are there before the handshake is over. */
const track = (server: Net.Server): ReadonlySet<Socket> => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  return sockets
}

/** Milliseconds that a client has to say what it speaks. */
const patience = 20_000

/** Tells by its first bytes what a connection speaks. */
const tell = (
  socket: Socket,
  frames: (socket: Socket, rest: Buffer) => void,
  http: (socket: Socket, read: Buffer) => void,
  grpc: (socket: Socket, read: Buffer) => void
): void => {
  let read: Buffer = Buffer.alloc(0)
  const give = () => socket.destroy()
  const listen = (chunk: Buffer) => {
    read = read.length === 0 ? chunk : Buffer.concat([read, chunk])
    const preface = Preface.read(read)
    const reading = preface === "other" ? Handshake.readRequest(read) : preface
    if (reading === "more") return
    socket.removeListener("data", listen)
    socket.removeListener("end", give)
    socket.removeListener("timeout", give)
    socket.setTimeout(0)
    if (reading === "http2") grpc(socket, read)
    else if (reading === "other") http(socket, read)
    else frames(socket, read.subarray(reading))
  }
  socket.setTimeout(patience)
  socket.on("timeout", give)
  socket.on("error", give)
  socket.on("end", give)
  socket.on("data", listen)
}

/** How a service is entered into the list of listeners, and taken out of it when the scope closes. */
const serving =
  (listeners: Map<string, Plain.Listener>, options: Options, evict: (service: string) => void): Port["serve"] =>
  (service, exchange) => {
    const enter = Effect.suspend(() => {
      if (!listeners.has(service)) {
        return Effect.sync(() => listeners.set(service, { service, exchange }))
      }
      const address = bound(options)
      return cannotListen({ address, problem: `${service} is served here already` })
    })
    const exit = Effect.sync(() => {
      listeners.delete(service)
      evict(service)
    })
    return Effect.asVoid(Effect.acquireRelease(enter, () => exit))
  }

/** Who must be meant by a call that names no service: the only one, or for `Orders.place` the only `orders`. */
const meant = (listeners: ReadonlyMap<string, Plain.Listener>, method: string): Plain.Listener | undefined => {
  const type = method.slice(0, method.indexOf(".")).toLowerCase()
  const candidates = listeners.size === 1
    ? [...listeners.values()]
    : [...listeners.values()].filter(({ service }) => service.slice(service.lastIndexOf(".") + 1) === type)
  return candidates.length === 1 ? candidates[0] : undefined
}

const cannotListen = (facts: ConstructorParameters<typeof CannotListen>[0]) =>
  Effect.fail(new TransportError({ reason: new CannotListen(facts) }))

const bound = ({ host, path, port }: Options): string =>
  path === undefined ? `http://${host}:${port}` : SocketFile.address(path)

const bind = (server: Net.Server, options: Options): Effect.Effect<void, TransportError> => {
  const { host, path, port } = options
  const listening = listen(server, bound(options), path === undefined ? { host, port } : { path })
  return path === undefined ? listening : Effect.andThen(SocketFile.clear(path), listening)
}

const listen = (server: Net.Server, address: string, at: Net.ListenOptions): Effect.Effect<void, TransportError> =>
  Effect.callback<void, TransportError>((resume) => {
    const refused = (cause: NodeJS.ErrnoException) => {
      const problem = cause.code === "EADDRINUSE"
        ? "the port is in use"
        : cause.code === "EACCES"
        ? at.path === undefined ? "this port is not for us" : "its folder is not there, or not for us"
        : cause.message
      resume(cannotListen({ address, problem, cause }))
    }
    server.once("error", refused)
    server.listen({ ...at, backlog: 1024 }, () => {
      server.removeListener("error", refused)
      resume(Effect.void)
    })
  })

const close = (server: Net.Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
