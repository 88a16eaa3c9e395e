/**
 * TLS at both ends of a transport: a server of sockets, and sockets to servers.
 *
 * Nothing here may be imported before TLS is used: `node:tls` takes 20 ms to load.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { X509Certificate } from "node:crypto"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Credentials from "./credentials.ts"
import * as Handshakes from "./handshakes.ts"
import type { Options } from "./options.ts"

/**
 * Opens a socket on which the protocol is spoken, to a server whose certificate is good for the host.
 *
 * Settles once, within the event that ends the handshake, so that nothing which follows it is missed. Returns how to
 * give up.
 */
export type Connect = (
  host: string,
  port: number,
  protocol: string,
  settle: (outcome: Net.Socket | Error) => void
) => () => void

/** Makes a server that gives each connection away with the protocol that it has agreed to, if any. */
export type Listen = (
  protocols: ReadonlyArray<string>,
  accept: (socket: Net.Socket, protocol: string | undefined) => void
) => Effect.Effect<Net.Server, never, Scope.Scope>

export interface Secure {
  readonly connect: Connect
  readonly listen: Listen
  /** Why there is no listening under a host name, or what clients will not like about it. */
  readonly problemOf: (host: string) => "no certificate" | "another name" | undefined
}

/** Both ends, with one set of certificates. */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Secure, Credentials.Unusable, Scope.Scope> {
  const source = yield* Credentials.make(options)
  return {
    connect: connecting(options, source),
    listen: listening(options, source),
    problemOf: (host) => {
      const { cert } = SubscriptionRef.getUnsafe(source.current).parts
      if (cert === undefined) return "no certificate"
      const leaf = new X509Certificate(cert as string)
      const name = options.serverName ?? host
      return (Net.isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) === undefined
        ? "another name"
        : undefined
    }
  }
})

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds that a client has for its handshake. */
const patience = 20_000

const connecting =
  ({ serverName }: Options, { current }: Credentials.Source): Connect => (host, port, protocol, settle) => {
    const socket = Tls.connect({
      host,
      port,
      // An address is no name to ask for, by the letter of the protocol; the certificate is held to it all the same.
      servername: serverName ?? (Net.isIP(host) === 0 ? host : ""),
      ALPNProtocols: [protocol],
      // Said, because otherwise a variable of the environment can turn it off.
      rejectUnauthorized: true,
      secureContext: SubscriptionRef.getUnsafe(current).context
    })
    socket.setNoDelay(true)
    const fail = (cause: Error) => settle(Handshakes.explain(cause))
    socket.once("error", fail)
    socket.once("secureConnect", () => {
      socket.removeListener("error", fail)
      // Node only tells of an alert, and then of an end, by which others would explain themselves what has happened.
      socket.once("error", (cause) => socket.destroy(Handshakes.explain(cause)))
      // Web servers need not agree on what all of them speak.
      if (socket.alpnProtocol === protocol || (socket.alpnProtocol === false && protocol === http)) {
        return settle(socket)
      }
      drop(socket)
      settle(new Error(`it speaks TLS, but not ${protocol}`))
    })
    return () => drop(socket)
  }

const http = "http/1.1"

/** Lets go of a socket; nobody wants to hear what it has to say to that. */
const drop = (socket: Net.Socket): void => {
  socket.on("error", () => undefined)
  socket.destroy()
}

const listening = ({ mutual = false }: Options, { current }: Credentials.Source): Listen => (protocols, accept) =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const server = Tls.createServer({
      ...SubscriptionRef.getUnsafe(current).parts,
      ALPNProtocols: [...protocols],
      requestCert: mutual,
      rejectUnauthorized: mutual,
      handshakeTimeout: patience,
      noDelay: true
    })
    server.on("secureConnection", (socket) => accept(socket, socket.alpnProtocol || undefined))
    server.on("tlsClientError", (cause, { authorizationError, remoteAddress }) => {
      const annotated = Effect.annotateLogs({ remoteAddress, authorizationError })
      Effect.runForkWith(context)(annotated(Effect.logDebug("A handshake failed", cause)))
    })
    // The first one comes at once, and changes nothing.
    yield* SubscriptionRef.changes(current).pipe(
      Stream.runForEach(({ parts }) => Effect.sync(() => server.setSecureContext(parts))),
      Effect.forkScoped
    )
    return server
  })
