/**
 * From an address to a connection of gRPC: HTTP/2 in the clear, by prior knowledge.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Http2 from "node:http2"
import { type Connection, NotConnected, TransportError, Unsupported } from "../../Transport.ts"
import * as Idle from "../idle.ts"
import { silence } from "../mux/frames.ts"
import * as Calls from "./calls.ts"
import * as Settings from "./settings.ts"
import * as Wire from "./wire.ts"

export interface Options extends Omit<Wire.Options, "address"> {
  /** Milliseconds that connecting may take, until the server has sent its settings. */
  readonly connectTimeout: number
  /** Milliseconds without a call after which a connection is closed, at most twice over. */
  readonly idleTimeout: number
}

/** Opens a connection to `grpc://host:port`. */
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
    const wire: Wire.Wire = {
      session,
      options: { ...options, address: url.href },
      isOwn: Settings.isOwn(session.remoteSettings),
      calls: new Set(),
      total: 0
    }
    const closed = Deferred.makeUnsafe<void>()
    session.on("close", () => Deferred.doneUnsafe(closed, Exit.void))
    if (session.destroyed) Deferred.doneUnsafe(closed, Exit.void)
    const use = { pending: () => wire.calls.size, total: () => wire.total }
    const end = Effect.sync(() => session.destroy())
    yield* Effect.forkScoped(Effect.andThen(Idle.after(use, options.idleTimeout), end))
    return {
      unary: Calls.unary(wire),
      stream: Calls.stream(wire),
      isOpen: () => Wire.isOpen(wire),
      closed: Deferred.await(closed)
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** A session whose server has shown by its settings that it speaks HTTP/2. */
const open = (url: URL, options: Options): Effect.Effect<Http2.ClientHttp2Session, TransportError> =>
  Effect.callback<Http2.ClientHttp2Session, TransportError>((resume) => {
    const session = Http2.connect(`http://${url.host}`, Settings.client(options))
    let cause = new Error("it closed the connection instead of speaking HTTP/2")
    session.on("error", (error) => {
      cause = error
    })
    const fail = () => resume(Effect.fail(notConnected(url, cause)))
    session.on("close", fail)
    session.once("connect", (session, socket) => {
      socket.setKeepAlive(true, silence)
      session.setLocalWindowSize(Settings.connectionWindow)
    })
    session.once("remoteSettings", () => {
      session.removeListener("close", fail)
      resume(Effect.succeed(session))
    })
    return Effect.sync(() => session.destroy())
  })

const notConnected = (url: URL, cause: Error) =>
  new TransportError({ reason: new NotConnected({ address: url.href, cause }) })
