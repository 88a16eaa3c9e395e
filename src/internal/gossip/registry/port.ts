/**
 * One port for packets and for connections, as members have it.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Dgram from "node:dgram"
import * as Net from "node:net"
import type { Endpoint } from "../wire/messages.ts"
import * as Endpoints from "./endpoints.ts"

/** The port is taken, or the interface is not there. */
export class CannotBind extends Data.TaggedError("CannotBind")<{
  readonly host: string
  readonly port: number
  readonly cause: unknown
}> {}

export interface Port {
  readonly number: number
  /** Sends a packet, or loses it: gossip expects no better of a network. */
  readonly send: (to: Endpoint, packet: Uint8Array) => void
  readonly listen: (listener: Listener) => void
}

export interface Options {
  readonly host: string
  /** 0 for a free one. */
  readonly port: number
}

export interface Listener {
  readonly packet: (bytes: Uint8Array, from: Endpoint) => void
  readonly connection: (socket: Net.Socket) => void
}

/** How many connections are answered at once; more are closed as they come. */
export const mostConnections = 128

/** Opens both sockets until the scope closes. */
export const open = (options: Options): Effect.Effect<Port, CannotBind, Scope.Scope> =>
  Effect.gen(function*() {
    const server = Net.createServer({ noDelay: true })
    server.maxConnections = mostConnections
    const family = Net.isIPv6(options.host) ? 6 : 4
    const udp = yield* Effect.acquireRelease(
      Effect.retry(bindBoth(server, family, options), {
        // A free port for connections may be taken for packets: another one is tried.
        while: ({ cause }) => options.port === 0 && (cause as NodeJS.ErrnoException).code === "EADDRINUSE",
        times: mostTries
      }),
      (udp) => Effect.andThen(close((done) => udp.close(done)), close((done) => server.close(done)))
    )
    // Wishes: where one is not granted the socket still hears.
    yield* Effect.ignore(Effect.try(() => udp.setRecvBufferSize(receiveBuffer)))
    // What a network says of a packet that it lost is known by the answer that does not come.
    udp.on("error", () => undefined)
    server.on("error", () => undefined)
    return {
      number: udp.address().port,
      listen: ({ connection, packet }) => {
        server.on("connection", connection)
        udp.on("message", (bytes, from) => {
          const address = Endpoints.bytesOf(from.address)
          if (address !== undefined) packet(bytes, { address, port: from.port })
        })
      },
      send: (to, packet) => {
        const host = Endpoints.hostOf(to)
        udp.send(packet, to.port, family === 6 && to.address.length === 4 ? `::ffff:${host}` : host, () => undefined)
      }
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** Bytes that the system is asked to hold: what came while the process was busy is read before anybody is accused. */
const receiveBuffer = 1024 * 1024

const mostTries = 16

const bindBoth = (
  server: Net.Server,
  family: 4 | 6,
  { host, port }: Options
): Effect.Effect<Dgram.Socket, CannotBind> => {
  const failed = (cause: unknown) => new CannotBind({ host, port, cause })
  return bind(server, (done) => server.listen({ host, port, exclusive: true }, done)).pipe(
    Effect.flatMap(() => {
      const udp = Dgram.createSocket({ type: family === 4 ? "udp4" : "udp6" })
      const number = (server.address() as Net.AddressInfo).port
      return bind(udp, (done) => udp.bind({ address: host, port: number, exclusive: true }, done)).pipe(
        Effect.as(udp),
        Effect.tapError(() => Effect.sync(() => server.close()))
      )
    }),
    Effect.mapError(failed)
  )
}

const bind = (socket: Net.Server | Dgram.Socket, run: (done: () => void) => void): Effect.Effect<void, unknown> =>
  Effect.callback((resume) => {
    const emitter: NodeJS.EventEmitter = socket
    const failed = (cause: Error) => {
      if (socket instanceof Dgram.Socket) socket.close()
      resume(Effect.fail(cause))
    }
    emitter.once("error", failed)
    run(() => {
      emitter.off("error", failed)
      resume(Effect.void)
    })
  })

const close = (run: (done: () => void) => void): Effect.Effect<void> =>
  Effect.callback((resume) => run(() => resume(Effect.void)))
