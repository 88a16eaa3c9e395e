/**
 * From an address to a multiplexed connection: a TCP connection, an HTTP/1.1 upgrade, and then frames.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Http from "node:http"
import type { Socket } from "node:net"
import { type Connection, NotConnected, TransportError, Unsupported } from "../../Transport.ts"
import * as Client from "./client.ts"
import { protocol, silence } from "./frames.ts"

export interface Options extends Omit<Client.Options, "address"> {
  /** Milliseconds that connecting and upgrading may take. */
  readonly connectTimeout: number
  /** Milliseconds without a call after which a connection is closed, at most twice over. */
  readonly idleTimeout: number
}

/** Opens a multiplexed connection to `micro://host:port`. */
export const dial = (url: URL, options: Options): Effect.Effect<Connection, TransportError, Scope.Scope> =>
  Effect.gen(function*() {
    if (url.hostname === "" || url.port === "") return yield* Effect.fail(incomplete(url))
    const client = yield* Effect.acquireRelease(
      Effect.timeoutOrElse(upgrade(url, options), {
        duration: options.connectTimeout,
        orElse: () => Effect.fail(notConnected(url, new Error(`no answer within ${options.connectTimeout} ms`)))
      }),
      (client) => client.close,
      { interruptible: true }
    )
    yield* Effect.forkScoped(closeWhenIdle(client, options.idleTimeout))
    return client
  })

// ---------------------------------------------------------------------------------------------------------------------

const upgrade = (url: URL, options: Options): Effect.Effect<Client.Client, TransportError> =>
  Effect.callback<Client.Client, TransportError>((resume) => {
    const fail = (cause: Error) => resume(Effect.fail(notConnected(url, cause)))
    const request = Http.request({
      // An IPv6 address stands in brackets in a URL, and without them everywhere else.
      host: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port,
      headers: { Connection: "Upgrade", Upgrade: protocol },
      agent: false
    })
    request.on("upgrade", (_response, socket: Socket, head) => {
      socket.setNoDelay(true)
      socket.setTimeout(0)
      socket.setKeepAlive(true, silence)
      resume(Effect.succeed(Client.make(socket, head, { ...options, address: url.href })))
    })
    request.on("response", (response) => {
      request.destroy()
      fail(new Error(`it answered ${response.statusCode} to the upgrade to ${protocol}`))
    })
    request.on("error", fail)
    request.end()
    return Effect.sync(() => request.destroy())
  })

const notConnected = (url: URL, cause: Error) =>
  new TransportError({ reason: new NotConnected({ address: url.href, cause }) })

const incomplete = (url: URL) =>
  new TransportError({ reason: new Unsupported({ address: url.href, problem: "this names no host and port" }) })

/** Closes a connection that nobody uses. */
const closeWhenIdle = (client: Client.Client, idleTimeout: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    let calls = -1
    while (client.pending() > 0 || client.total() !== calls) {
      calls = client.total()
      yield* Effect.sleep(idleTimeout)
    }
    yield* client.close
  })
