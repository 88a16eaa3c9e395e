/**
 * Where the calls of an instance arrive: a subject that asks for tubes come to, each of which carries frames.
 */
import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { CannotListen, type Exchange, TransportError } from "../../../Transport.ts"
import * as Load from "../../http/load.ts"
import * as Id from "../../id.ts"
import { protocol } from "../../mux/frames.ts"
import * as Mux from "../../mux/server.ts"
import type { Link } from "../link.ts"
import * as Address from "./address.ts"
import { end, type Tube } from "./tube.ts"
import * as Tubes from "./tubes.ts"

export interface Options extends Omit<Mux.Options, "find" | "load"> {
  readonly maxConnections: number
}

export interface Port {
  readonly address: string
  /** Answers the calls of a service until the scope closes, which interrupts those that still run. */
  readonly serve: (service: string, exchange: Exchange) => Effect.Effect<void, TransportError, Scope.Scope>
}

/** Opens a port until the scope closes. */
export const open = Effect.fnUntraced(function*(
  link: Link,
  openTube: Tubes.Open,
  options: Options
): Effect.fn.Return<Port, TransportError, Scope.Scope> {
  const address = Address.of(yield* Id.make)
  const refused = (problem: string, cause?: unknown) =>
    new TransportError({ reason: new CannotListen({ address, problem, cause }) })
  const failed = (cause: Error) => refused(cause.message, cause)
  const connection = yield* Effect.mapError(link.up, failed)
  const exchanges = new Map<string, Exchange>()
  const clients = new Map<Tube, Mux.Server>()
  const accept = (there: string) => {
    if (clients.size >= options.maxConnections) return connection.publish(there, end)
    const tube = hearing(connection, openTube, there)
    // Ahead of what ends its calls, which may end the port.
    tube.on("close", () => clients.delete(tube))
    const frames = Mux.make(Tubes.asSocket(tube), Buffer.alloc(0), {
      ...options,
      find: (service) => exchanges.get(service),
      load: () => Load.together(Array.from(exchanges.values(), (exchange) => ({ exchange })))
    })
    clients.set(tube, frames)
  }
  let refusal: Error | undefined
  const hear = (error: Error | null, message: Msg) => {
    if (error !== null) refusal = error
    else if (message.reply && message.string() === protocol) accept(message.reply)
  }
  const subscription = yield* Effect.acquireRelease(
    Effect.sync(() => connection.subscribe(Address.subject(address)!, { callback: hear })),
    (subscription) => {
      subscription.unsubscribe()
      return leave(clients)
    }
  )
  yield* Effect.mapError(link.flush, failed)
  if (refusal !== undefined || subscription.isClosed()) {
    return yield* Effect.fail(refused("NATS does not let this client listen", refusal))
  }
  return { address, serve: serving(exchanges, clients, refused) }
})

// ---------------------------------------------------------------------------------------------------------------------

/** How long clients have to take their leave. */
const grace = "1 second"

/** How a service is entered, and taken out when the scope closes. */
const serving = (
  exchanges: Map<string, Exchange>,
  clients: ReadonlyMap<Tube, Mux.Server>,
  refused: (problem: string) => TransportError
): Port["serve"] =>
(service, exchange) => {
  const enter = Effect.suspend(() => {
    if (exchanges.has(service)) return Effect.fail(refused(`${service} is served here already`))
    return Effect.sync(() => exchanges.set(service, exchange))
  })
  const leave = Effect.sync(() => {
    exchanges.delete(service)
    for (const client of clients.values()) client.evict(service)
  })
  return Effect.asVoid(Effect.acquireRelease(enter, () => leave))
}

const hearing = (connection: NatsConnection, openTube: Tubes.Open, there: string): Tube => {
  const here = createInbox()
  const subscription = connection.subscribe(here, {
    callback: (error, message) => error === null ? tube.hear(message) : void tube.destroy(error)
  })
  const tube = openTube(connection, { here, subscription }, there)
  return tube
}

const leave = (clients: ReadonlyMap<Tube, Mux.Server>): Effect.Effect<void> =>
  Effect.suspend(() => {
    for (const client of clients.values()) client.leave()
    const gone = Effect.callback<void>((resume) => {
      const look = () => clients.size === 0 && resume(Effect.void)
      for (const tube of clients.keys()) tube.on("close", look)
      look()
    })
    return Effect.andThen(
      Effect.timeoutOption(gone, grace),
      Effect.sync(() => {
        for (const tube of clients.keys()) tube.destroy()
      })
    )
  })
