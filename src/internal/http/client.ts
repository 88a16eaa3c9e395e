/**
 * The plain HTTP/1.1 lane, client side: one call is one request in the form of Go Micro, over a pool of connections.
 *
 * A connection carries one call at a time, because Go Micro's servers lose a request that is pipelined behind another.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Pool } from "undici"
import type { Call, Exchange, Reply } from "../../Transport.ts"
import { LimitExceeded, TransportError, Unsupported } from "../../Transport.ts"
import { Attempt } from "./attempt.ts"
import * as GoMicro from "./goMicro.ts"
import * as Metadata from "./metadata.ts"

/** What the lane may use. */
export interface Options {
  /** Connections to the address at most; more of them only wait for the same server. 32. */
  readonly connections?: number | undefined
  /** Calls that wait for one of them at most. 1024. */
  readonly maxWaiting?: number | undefined
  /** Bytes of a message, and of a reply. 4 MiB. */
  readonly maxMessage?: number | undefined
}

/**
 * A connection to `http://host:port`, opened by the first call.
 *
 * **Details**
 *
 * Dialling takes 10 s at most, and a call without a deadline 5 minutes; a connection closes after 60 s without a call.
 * A reply over the limit is `Malformed`: the handler has run, and would say the same again.
 *
 * **Gotchas**
 *
 * A kept connection that the server closes at the very moment it is used again is `ConnectionLost`: nothing tells
 * whether the request was read. Nobody here sends it a second time.
 */
export const connect: (
  address: URL,
  options?: Options
) => Effect.Effect<Exchange<TransportError>, TransportError, Scope.Scope> = Effect.fnUntraced(
  function*(address, options = {}) {
    const name = address.href
    if (address.protocol !== "http:" && address.protocol !== "https:") {
      const problem = `${address.protocol} is not spoken by the HTTP/1.1 lane`
      return yield* new TransportError({ reason: new Unsupported({ address: name, problem }) })
    }
    const { connections = 32, maxMessage = 4 * 1024 * 1024, maxWaiting = 1024 } = options
    const pool = yield* acquirePool(address, connections)
    return make(pool, name, maxMessage, connections + maxWaiting)
  }
)

// ---------------------------------------------------------------------------------------------------------------------

const acquirePool = (address: URL, connections: number): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.acquireRelease(
    // Loading undici takes longer than starting most services: only who dials pays for it.
    Effect.map(Effect.promise(() => import("undici")), ({ Pool }) =>
      new Pool(address.origin, {
        allowH2: false,
        connections,
        pipelining: 1,
        connectTimeout: 10_000,
        keepAliveTimeout: 60_000,
        keepAliveMaxTimeout: 60_000,
        maxHeaderSize
      })),
    (pool) => Effect.promise(() => pool.destroy())
  )

const make = (pool: Pool, address: string, maxMessage: number, maxOpen: number): Exchange<TransportError> => {
  let id = 0
  let open = 0
  const leave = (): void => {
    open--
  }
  const exceeded = (limit: string, allowed: number, actual: number): Effect.Effect<never, TransportError> =>
    Effect.fail(new TransportError({ reason: new LimitExceeded({ address, limit, allowed, actual }) }))

  const unary = (call: Call, message: Uint8Array): Effect.Effect<Reply, TransportError> =>
    Effect.suspend(() => {
      if (message.length > maxMessage) return exceeded("A message", maxMessage, message.length)
      if (open >= maxOpen) return exceeded("The number of open calls", maxOpen, open + 1)
      const headers = GoMicro.requestHeaders(call, id++)
      const size = Metadata.append(headers, call.headers)
      if (size > maxMetadata) return exceeded("Metadata", maxMetadata, size)
      const timeout = patience(call.timeout)
      return Effect.callback<Reply, TransportError>((resume) => {
        open++
        const attempt = new Attempt(call, address, maxMessage, resume, leave)
        // The message is ours only until we return, and the pool may have to wait for a connection: hence the copy.
        const body = Buffer.from(message)
        pool.dispatch(
          { path: "/", method: "POST", headers, body, headersTimeout: timeout, bodyTimeout: timeout },
          attempt
        )
        return Effect.sync(() => attempt.withdraw())
      })
    })

  return {
    unary,
    stream: () =>
      Stream.fail(
        new TransportError({
          reason: new Unsupported({
            address,
            problem: "a stream needs a multiplexed connection, to a micro:// address"
          })
        })
      )
  }
}

const maxHeaderSize = 64 * 1024

// Leaves 16 KiB of what our own servers accept to the headers of the lane.
const maxMetadata = 48 * 1024

// The deadline itself belongs to the caller. This frees the connection of a call that nobody interrupts, in whole
// seconds, which lets the calls of a connection share a timer.
const patience = (timeout: number | undefined): number =>
  timeout === undefined || !Number.isFinite(timeout) ? 300_000 : Math.ceil(Math.max(timeout, 0) / 1000) * 1000 + 1000
