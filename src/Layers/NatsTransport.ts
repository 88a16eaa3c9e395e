/**
 * Calls over NATS: for a fleet that has a server of it, and no ways from each process to every other one.
 *
 * On the optional peer dependency `@nats-io/transport-node`. The frames are those of `HttpTransport`'s multiplexed lane, so
 * calls of every kind, flow control, deadlines and cancelling are the same; each of them takes the way over the server.
 */
import type * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcRef from "effect/RcRef"
import type * as Scope from "effect/Scope"
import * as Answering from "../internal/answering.ts"
import * as Link from "../internal/nats/link.ts"
import * as Nats from "../internal/nats/options.ts"
import * as Dial from "../internal/nats/transport/dial.ts"
import * as Port from "../internal/nats/transport/port.ts"
import * as Tubes from "../internal/nats/transport/tubes.ts"
import * as Wheel from "../internal/wheel.ts"
import { Transport } from "../Transport.ts"

/** How to reach NATS, and the bounds of a transport. */
export interface Options extends Nats.Options {
  /** How long connecting waits for NATS, and for the answer of an instance; 2 seconds unless told. */
  readonly timeout?: Duration.Input | undefined
  /** Bytes of a message, either way. Default 4 MiB. */
  readonly maxMessage?: number | undefined
  /** Bytes of a call's headers. Default 16 KiB. */
  readonly maxHeaders?: number | undefined
  /** Calls under way on one connection. Default 65,536. */
  readonly maxCalls?: number | undefined
  /** Connections that are accepted. Default 10,000. */
  readonly maxConnections?: number | undefined
  /** How long a connection may be without a call. Default 60 seconds. */
  readonly idleTimeout?: Duration.Input | undefined
}

/** Certificates towards the servers. */
export type TlsOptions = Nats.TlsOptions

/**
 * A transport over NATS.
 *
 * **Details**
 *
 * An instance is a subject, and its address `nats://` with a name of its own. One that has gone is known at once to who dials
 * it, and within five seconds to who waits for its answer. A message may be longer than the server's `max_payload`.
 *
 * **Gotchas**
 *
 * When the connection to NATS is lost, all calls under way are: those that may not be repeated fail with `Disconnected`.
 * Calls that come meanwhile wait for it up to `timeout`, and then find no instance.
 *
 * Whoever may publish on the server may call: `_micro.port.>` is where the instances are.
 */
export const make = (options?: Options): Effect.Effect<Transport["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<never>()
    const wheel = yield* Wheel.make
    const link = yield* Link.make({ ...options, timeout: options?.timeout ?? "2 seconds" })
    const tubes = yield* Tubes.make(link)
    const shared = {
      wheel,
      maxMessage: options?.maxMessage ?? 4 * 1024 * 1024,
      maxHeaders: options?.maxHeaders ?? 16 * 1024,
      maxCalls: options?.maxCalls ?? 65_536
    }
    const port = yield* RcRef.make({
      acquire: Port.open(link, tubes, {
        ...shared,
        maxConnections: options?.maxConnections ?? 10_000,
        answer: Answering.make(context, wheel),
        context
      })
    })
    const idleTimeout = Duration.toMillis(Duration.fromInputUnsafe(options?.idleTimeout ?? "60 seconds"))
    return Transport.of({
      connect: (address) => Dial.dial(link, tubes, address, { ...shared, idleTimeout }),
      listen: (service, exchange) =>
        Effect.gen(function*() {
          const { address, serve } = yield* RcRef.get(port)
          yield* serve(service, exchange)
          return address
        })
    })
  })

/** A transport over NATS. */
export const layer = (options?: Options): Layer.Layer<Transport> => Layer.effect(Transport, make(options))

/** A transport over NATS as configured, with the variables of `NatsBroker.layerConfig`. */
export const layerConfig = (options?: Options): Layer.Layer<Transport, Config.ConfigError> =>
  Layer.effect(Transport, Effect.flatMap(Nats.over(options), make))
