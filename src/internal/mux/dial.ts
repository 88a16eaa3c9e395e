/**
 * From an address to a multiplexed connection: a TCP connection, an HTTP/1.1 upgrade, and then frames.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { type Connection, NotConnected, TransportError, Unsupported } from "../../Transport.ts"
import * as Client from "./client.ts"
import { protocol, silence } from "./frames.ts"
import * as Handshake from "./handshake.ts"

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
    const fail = (cause: Error) => {
      socket.destroy()
      resume(Effect.fail(notConnected(url, cause)))
    }
    // An IPv6 address stands in brackets in a URL, and without them everywhere else.
    const host = url.hostname.replace(/^\[|\]$/g, "")
    const socket = Net.connect({ host, port: Number(url.port), noDelay: true, keepAlive: true })
    socket.setKeepAlive(true, silence)
    socket.write(Handshake.request(url.host))
    const ended = () => fail(new Error(`it closed the connection instead of upgrading it to ${protocol}`))
    let read: Buffer = Buffer.alloc(0)
    const listen = (chunk: Buffer) => {
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk])
      const answer = Handshake.readAnswer(read)
      if (answer === "more") return
      if (typeof answer === "object") {
        return fail(new Error(`it answered "${answer.line}" to the upgrade to ${protocol}`))
      }
      socket.removeListener("data", listen)
      socket.removeListener("end", ended)
      socket.removeListener("error", fail)
      resume(Effect.succeed(Client.make(socket, read.subarray(answer), { ...options, address: url.href })))
    }
    socket.on("data", listen)
    socket.on("end", ended)
    socket.on("error", fail)
    return Effect.sync(() => socket.destroy())
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
