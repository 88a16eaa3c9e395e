/**
 * From an address to a connection of gRPC: HTTP/2 by prior knowledge in the clear, agreed on by the handshake under TLS.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Http2 from "node:http2"
import type { Socket } from "node:net"
import { type Connection, NotConnected, TransportError, Unsupported } from "../../Transport.ts"
import * as Idle from "../idle.ts"
import { silence } from "../mux/frames.ts"
import * as Sending from "../sending.ts"
import * as Handshakes from "../tls/handshakes.ts"
import type { Connect } from "../tls/secure.ts"
import * as Settings from "./settings.ts"
import * as Streaming from "./streaming.ts"
import * as Unary from "./unary.ts"
import * as Vigil from "./vigil.ts"
import * as Wire from "./wire.ts"

export interface Options extends Omit<Wire.Options, "address" | "scheme" | "authority"> {
  /** Milliseconds that connecting may take, until the server has sent its settings. */
  readonly connectTimeout: number
  /** Milliseconds without a call after which a connection is closed, at most twice over. */
  readonly idleTimeout: number
  /** Opens sockets, where they are to be safe. */
  readonly secure?: Connect | undefined
}

/** Opens a connection to `grpc://host:port`, or under TLS to `grpcs://host:port`. */
export const dial = (url: URL, options: Options): Effect.Effect<Connection, TransportError, Scope.Scope> =>
  Effect.gen(function*() {
    if (url.hostname === "" || url.port === "") {
      const problem = "this names no host and port"
      return yield* Effect.fail(new TransportError({ reason: new Unsupported({ address: url.href, problem }) }))
    }
    const session = yield* Effect.acquireRelease(
      Effect.timeoutOrElse(open(url, options), {
        duration: options.connectTimeout,
        orElse: () => Effect.fail(notConnected(url, new Error(`no answer within ${options.connectTimeout} ms`)))
      }),
      (session) => Effect.sync(() => session.destroy()),
      { interruptible: true }
    )
    const wire = wireOver(session, url, options)
    const closed = Deferred.makeUnsafe<void>()
    session.on("close", () => Deferred.doneUnsafe(closed, Exit.void))
    if (session.destroyed) Deferred.doneUnsafe(closed, Exit.void)
    const use = { pending: () => wire.pending, total: () => wire.total }
    const end = Effect.sync(() => session.destroy())
    yield* Effect.forkScoped(Effect.andThen(Idle.after(use, options.idleTimeout), end))
    const send = Unary.make(wire)
    return Sending.enroll({
      unary: Sending.unary(send),
      stream: Streaming.make(wire),
      isOpen: () => Wire.isOpen(wire),
      closed: Deferred.await(closed),
      pending: use.pending
    }, send)
  })

// ---------------------------------------------------------------------------------------------------------------------

const wireOver = (session: Http2.ClientHttp2Session, url: URL, options: Options): Wire.Wire => {
  const isOwn = Settings.isOwn(session.remoteSettings)
  const scheme = options.secure === undefined ? "http" : "https"
  const wire: Wire.Wire = {
    session,
    options: { ...options, address: url.href, scheme, authority: url.host },
    isOwn,
    vigil: Vigil.make(session, options.wheel, () => wire.pending > 0, isOwn ? "any" : "strict"),
    pending: 0,
    total: 0
  }
  return wire
}

/** A session whose server has shown by its settings that it speaks HTTP/2. */
const open = (url: URL, options: Options): Effect.Effect<Http2.ClientHttp2Session, TransportError> =>
  Effect.callback<Http2.ClientHttp2Session, TransportError>((resume) => {
    const fail = (cause: Error) => resume(Effect.fail(notConnected(url, cause)))
    const ready = (session: Http2.ClientHttp2Session) => resume(Effect.succeed(session))
    if (options.secure === undefined) {
      const session = Http2.connect(`http://${url.host}`, Settings.client(options))
      greet(session, "instead of speaking HTTP/2", ready, fail)
      return Effect.sync(() => session.destroy())
    }
    // An IPv6 address stands in brackets in a URL, and without them everywhere else.
    const host = url.hostname.replace(/^\[|\]$/g, "")
    let give: () => void
    give = options.secure(host, Number(url.port), "h2", (outcome) => {
      if (outcome instanceof Error) return fail(outcome)
      const session = over(outcome, url, options)
      give = () => session.destroy()
      greet(session, "right after the handshake; it may not trust our certificate", ready, fail)
    })
    return Effect.sync(() => give())
  })

/** A session over a socket that has made its handshake. */
const over = (socket: Socket, url: URL, options: Options): Http2.ClientHttp2Session =>
  Http2.connect(`https://${url.host}`, { ...Settings.client(options), createConnection: () => socket })

/** Waits for the settings of the server: by then it has also looked at our certificate. */
const greet = (
  session: Http2.ClientHttp2Session,
  ending: string,
  ready: (session: Http2.ClientHttp2Session) => void,
  fail: (cause: Error) => void
): void => {
  let cause: Error = new Error(`it closed the connection ${ending}`)
  session.on("error", (error) => {
    cause = Handshakes.explain(error)
  })
  const closed = () => fail(cause)
  session.on("close", closed)
  session.once("connect", (session, socket) => {
    // Node tells of the connection even where the session has been given up before.
    if (session.destroyed) return
    socket.setKeepAlive(true, silence)
    session.setLocalWindowSize(Settings.connectionWindow)
  })
  session.once("remoteSettings", () => {
    session.removeListener("close", closed)
    ready(session)
  })
}

const notConnected = (url: URL, cause: Error) =>
  new TransportError({ reason: new NotConnected({ address: url.href, cause }) })
