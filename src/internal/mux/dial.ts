/**
 * From an address to a multiplexed connection: a TCP connection, an HTTP/1.1 upgrade, and then frames.
 *
 * Under TLS the handshake itself agrees on frames, and the upgrade is left out.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { type Connection, NotConnected, TransportError, Unsupported } from "../../Transport.ts"
import * as Idle from "../idle.ts"
import * as Handshakes from "../tls/handshakes.ts"
import type { Connect } from "../tls/secure.ts"
import * as Client from "./client.ts"
import { protocol, silence } from "./frames.ts"
import * as Handshake from "./handshake.ts"
import * as Intake from "./intake.ts"

export interface Options extends Omit<Client.Options, "address"> {
  /** Milliseconds that connecting and upgrading may take. */
  readonly connectTimeout: number
  /** Milliseconds without a call after which a connection is closed, at most twice over. */
  readonly idleTimeout: number
  /** Opens sockets, where they are to be safe. */
  readonly secure?: Connect | undefined
}

/** Opens a multiplexed connection to `micro://host:port`, under TLS to `micros://host:port`, or to `unix:/path`. */
export const dial = (url: URL, options: Options): Effect.Effect<Connection, TransportError, Scope.Scope> =>
  Effect.gen(function*() {
    if (!isComplete(url)) return yield* Effect.fail(incomplete(url))
    const client = yield* Effect.acquireRelease(
      Effect.timeoutOrElse(open(url, options), {
        duration: options.connectTimeout,
        orElse: () => Effect.fail(notConnected(url, new Error(`no answer within ${options.connectTimeout} ms`)))
      }),
      (client) => client.close,
      { interruptible: true }
    )
    yield* Effect.forkScoped(Effect.andThen(Idle.after(client, options.idleTimeout), client.close))
    return client
  })

// ---------------------------------------------------------------------------------------------------------------------

const open = (url: URL, options: Options): Effect.Effect<Client.Client, TransportError> =>
  Effect.callback<Client.Client, TransportError>((resume) => {
    // An IPv6 address stands in brackets in a URL, and without them everywhere else.
    const host = url.hostname.replace(/^\[|\]$/g, "")
    const port = Number(url.port)
    const fail = (cause: Error) => resume(Effect.fail(notConnected(url, cause)))
    const settle = (outcome: Client.Client | Error) => {
      if (outcome instanceof Error) fail(outcome)
      else resume(Effect.succeed(outcome))
    }
    const ready: Ready = (socket, intake, rest) =>
      Client.make(socket, rest, { ...options, address: url.href }, settle, intake)
    if (options.secure === undefined) {
      const { onread, ...intake } = Intake.shared()
      const socket = url.protocol === "unix:"
        ? Net.connect({ path: decodeURIComponent(url.pathname), onread })
        : Net.connect({ host, port, noDelay: true, keepAlive: true, autoSelectFamily: true, onread })
      upgrade(socket, intake, url.host || "localhost", ready, fail)
      return Effect.sync(() => socket.destroy())
    }
    return Effect.sync(options.secure(host, port, protocol, (outcome) => {
      if (outcome instanceof Error) fail(outcome)
      else greet(outcome, Intake.of(outcome), ready, fail)
    }))
  })

type Ready = (socket: Net.Socket, intake: Intake.Intake, rest: Buffer) => void

/** Asks for frames, in HTTP. */
const upgrade = (
  socket: Net.Socket,
  intake: Intake.Intake,
  host: string,
  ready: Ready,
  fail: (cause: Error) => void
): void => {
  let read: Buffer = Buffer.alloc(0)
  socket.write(Handshake.request(host))
  const done = hear(
    socket,
    intake,
    (chunk) => {
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk])
      const answer = Handshake.readAnswer(read)
      if (answer === "more") return
      if (typeof answer === "object") {
        return done(new Error(`it answered "${answer.line}" to the upgrade to ${protocol}`))
      }
      done()
      ready(socket, intake, read.subarray(answer))
    },
    `instead of upgrading it to ${protocol}`,
    fail
  )
}

/** Waits for the first bytes of the server. */
const greet = (socket: Net.Socket, intake: Intake.Intake, ready: Ready, fail: (cause: Error) => void): void => {
  const done = hear(
    socket,
    intake,
    (chunk) => {
      done()
      ready(socket, intake, chunk)
    },
    "right after the handshake; it may not trust our certificate",
    (cause) => fail(Handshakes.explain(cause))
  )
}

/** Hears what comes first. Returns how to stop; with an error the socket is of no use. */
const hear = (
  socket: Net.Socket,
  intake: Intake.Intake,
  listen: (chunk: Buffer) => void,
  ending: string,
  fail: (cause: Error) => void
): (cause?: Error) => void => {
  const failed = (cause: Error) => {
    socket.destroy()
    fail(cause)
  }
  const ended = () => failed(new Error(`it closed the connection ${ending}`))
  socket.setKeepAlive(true, silence)
  intake.into((chunk, isShared) => listen(isShared ? Buffer.from(chunk) : chunk))
  socket.on("end", ended)
  socket.on("error", failed)
  return (cause) => {
    if (cause !== undefined) return failed(cause)
    socket.removeListener("end", ended)
    socket.removeListener("error", failed)
  }
}

const notConnected = (url: URL, cause: Error) =>
  new TransportError({ reason: new NotConnected({ address: url.href, cause }) })

const isComplete = ({ hostname, pathname, port, protocol }: URL): boolean =>
  protocol === "unix:" ? hostname === "" && pathname.startsWith("/") : hostname !== "" && port !== ""

const incomplete = ({ href, protocol }: URL) => {
  const problem = protocol === "unix:" ? "this names no absolute path" : "this names no host and port"
  return new TransportError({ reason: new Unsupported({ address: href, problem }) })
}
