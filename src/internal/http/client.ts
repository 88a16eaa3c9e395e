/**
 * The plain HTTP/1.1 lane, client side: one call is one request, over a pool of connections. A call with one reply has the
 * form of Go Micro; one with many has that of a path, and is answered by events.
 *
 * A connection carries one call at a time, because Go Micro's servers lose a request that is pipelined behind another.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { buildConnector, Pool } from "undici"
import type { Call, Connection, Reply } from "../../Transport.ts"
import { failure, LimitExceeded, NotConnected, TransportError, Unsupported } from "../../Transport.ts"
import * as Idle from "../idle.ts"
import type { Connect } from "../tls/secure.ts"
import type { Wheel } from "../wheel.ts"
import * as Attempt from "./attempt.ts"
import * as Following from "./following.ts"
import * as GoMicro from "./goMicro.ts"
import * as Metadata from "./metadata.ts"
import * as Turn from "./turn.ts"

/** What the lane may use. */
export interface Options {
  readonly wheel: Wheel
  /** Bytes of a message, and of a reply. */
  readonly maxMessage: number
  /** Bytes of a call's metadata. */
  readonly maxHeaders: number
  /** Calls to the address at most, those included that wait for a connection. */
  readonly maxCalls: number
  /** Milliseconds that connecting may take. */
  readonly connectTimeout: number
  /** Milliseconds that a connection is kept without a call, and the pool of them at most twice over. */
  readonly idleTimeout: number
  /** Connections to the address at most. 256. */
  readonly connections?: number | undefined
  /** Opens sockets, where they are to be safe. */
  readonly secure?: Connect | undefined
}

/**
 * A connection to `http://host:port`, or under TLS to `https://host:port`: a pool, whose members are opened by the calls
 * that need them.
 *
 * **Details**
 *
 * A call without a deadline waits for its answer for 5 minutes. A reply over the limit is `Malformed`: the handler has
 * run, and would say the same again.
 *
 * **Gotchas**
 *
 * A kept connection that the server closes at the very moment it is used again is `ConnectionLost`: nothing tells
 * whether the request was read. Nobody here sends it a second time.
 */
export const connect: (url: URL, options: Options) => Effect.Effect<Connection, TransportError, Scope.Scope> = Effect
  .fnUntraced(function*(url, options) {
    const line = make(yield* acquirePool(url, options), url.href, options)
    yield* Effect.addFinalizer(() => line.end)
    // So that the sockets and the memory of an address that has gone do not stay.
    yield* Effect.forkScoped(Effect.andThen(Idle.after(line, options.idleTimeout), line.end))
    return line
  })

// ---------------------------------------------------------------------------------------------------------------------

interface Line extends Connection, Idle.Use {
  readonly pending: () => number
  /** Takes no more calls. */
  readonly end: Effect.Effect<void>
}

const acquirePool = (url: URL, options: Options): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.acquireRelease(
    // Loading undici takes longer than starting most services: only who dials pays for it.
    Effect.map(Effect.promise(() => import("undici")), ({ Pool }) =>
      new Pool(url.origin, {
        allowH2: false,
        connections: options.connections ?? 256,
        pipelining: 1,
        connectTimeout: timer(options.connectTimeout),
        keepAliveTimeout: timer(options.idleTimeout),
        keepAliveMaxTimeout: timer(options.idleTimeout),
        maxHeaderSize,
        ...(options.secure === undefined ? {} : { connect: connector(options.secure, options) })
      })),
    (pool) => Effect.promise(() => pool.destroy())
  )

/** Our own handshake, so that both lanes hold certificates to the same, and say the same where they fail. */
const connector =
  (secure: Connect, { connectTimeout, wheel }: Options): buildConnector.connector => ({ hostname, port }, settle) => {
    const cancel = secure(hostname.replace(/^\[|\]$/g, ""), Number(port || 443), "http/1.1", (outcome) => {
      wheel.remove(entry)
      if (outcome instanceof Error) settle(outcome, null)
      else settle(null, outcome)
    })
    const entry = wheel.add(connectTimeout, () => {
      cancel()
      settle(new Error(`no answer within ${connectTimeout} ms`), null)
    })
  }

// What a timer of Node can hold.
const timer = (millis: number): number => Math.min(Math.max(Math.ceil(millis), 1), 2 ** 31 - 1)

/** Bytes of a response's head. An error of Go Micro stands in it, twice. */
const maxHeaderSize = 64 * 1024

const make = (pool: Pool, address: string, options: Options): Line => {
  const { maxCalls, maxHeaders, maxMessage } = options
  const attempts: Attempt.Options = { ...options, address }
  const closed = Deferred.makeUnsafe<void>()
  let open = 0
  let total = 0
  let ended = false
  const turn = Turn.make(pool)
  const leave = (): void => {
    open--
    turn.answered()
  }
  const refusal = (message: number, metadata: number): Exit.Exit<Reply, TransportError> | undefined => {
    if (ended) return Exit.fail(new TransportError({ reason: new NotConnected({ address }) }))
    if (message > maxMessage) return exceeded(address, "A message", maxMessage, message)
    if (metadata > maxHeaders) return exceeded(address, "Metadata", maxHeaders, metadata)
    if (open < maxCalls) return undefined
    return Exit.succeed(failure("Overloaded", `${maxCalls} calls are under way to ${address}`))
  }
  const send = (call: Call, request: Attempt.Request, sink: Following.Sink): Effect.Effect<void> => {
    const refused = refusal(request.message.length, Metadata.append(request.headers, call.headers))
    if (refused !== undefined) {
      sink.settle(refused)
      return Effect.void
    }
    open++
    total++
    return Attempt.send(turn, call, request, attempts, { settle: sink.settle, feed: sink.feed, leave })
  }
  return {
    unary: (call, message) =>
      Effect.callback((settle) =>
        send(call, { path: "/", headers: GoMicro.requestHeaders(call, total), message }, { settle })
      ),
    stream: (call, messages) => {
      if (!(messages instanceof Uint8Array)) return unsupported(address, "a stream of messages")
      if (!Following.isJson(call)) return unsupported(address, `a stream of replies in ${call.contentType}`)
      return Following.replies(attempts, (sink) => send(call, Following.request(call, messages), sink))
    },
    isOpen: () => !ended,
    closed: Deferred.await(closed),
    pending: () => open,
    total: () => total,
    end: Effect.sync(() => {
      ended = true
      Deferred.doneUnsafe(closed, Exit.void)
    })
  }
}

const unsupported = (address: string, what: string) => {
  const problem = `${what} needs a multiplexed connection, to a micro:// address`
  return Stream.fail(new TransportError({ reason: new Unsupported({ address, problem }) }))
}

const exceeded = (address: string, limit: string, allowed: number, actual: number): Exit.Exit<never, TransportError> =>
  Exit.fail(new TransportError({ reason: new LimitExceeded({ address, limit, allowed, actual }) }))
