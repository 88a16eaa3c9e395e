/**
 * Calls over HTTP, on one port.
 *
 * A port speaks two languages. Plain HTTP/1.1 carries unary calls, for curl, browsers and Go Micro: `POST /` with
 * `Micro-Service` and `Micro-Endpoint` headers, or `POST /<service>/<method>`. A connection upgraded to `effect-micro/1`
 * carries any number of calls of every kind at once, as frames. The scheme of an address says which one is meant, as
 * `ws:` does for WebSocket: `http://10.0.0.7:4000` or `micro://10.0.0.7:4000`. What is advertised is the latter.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcRef from "effect/RcRef"
import type * as Scope from "effect/Scope"
import * as Answering from "../internal/answering.ts"
import * as Hosts from "../internal/hosts.ts"
import * as Plain from "../internal/http/client.ts"
import * as Port from "../internal/http/port.ts"
import * as Mux from "../internal/mux/dial.ts"
import * as Wheel from "../internal/wheel.ts"
import { type Connection, Transport, TransportError, Unsupported } from "../Transport.ts"

export interface Options {
  /** Interface to listen on. Default all of them: `0.0.0.0`. */
  readonly host?: string | undefined
  /** Port to listen on. Default 0: a free one. */
  readonly port?: number | undefined
  /** Host that others are told. Default the one listened on; for all of them the first that others can reach. */
  readonly advertise?: string | undefined
  /** Bytes of a message, either way. Default 4 MiB. */
  readonly maxMessage?: number | undefined
  /** Bytes of a call's headers. Default 16 KiB. */
  readonly maxHeaders?: number | undefined
  /** Calls under way on one upgraded connection, and over all plain ones of a port or to an address. Default 65,536. */
  readonly maxCalls?: number | undefined
  /** Connections that are accepted. Default 10,000. */
  readonly maxConnections?: number | undefined
  /** What connecting may take. Default 2 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long a connection may be without a call. Default 60 seconds. */
  readonly idleTimeout?: Duration.Input | undefined
}

/** A transport over HTTP/1.1 and its upgrade. */
export const make = Effect.fnUntraced(function*(
  options?: Options
): Effect.fn.Return<Transport["Service"], never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const wheel = yield* Wheel.make
  const answer = Answering.make(context, wheel)
  const shared = {
    wheel,
    maxMessage: options?.maxMessage ?? 4 * 1024 * 1024,
    maxHeaders: options?.maxHeaders ?? 16 * 1024,
    maxCalls: options?.maxCalls ?? 65_536
  }
  const host = options?.host ?? "0.0.0.0"
  const port = yield* RcRef.make({
    acquire: Port.open({
      ...shared,
      host,
      port: options?.port ?? 0,
      maxConnections: options?.maxConnections ?? 10_000,
      answer,
      context
    })
  })
  const dialling = {
    ...shared,
    connectTimeout: Duration.toMillis(options?.connectTimeout ?? "2 seconds"),
    idleTimeout: Duration.toMillis(options?.idleTimeout ?? "60 seconds")
  }

  const connect = (address: string): Effect.Effect<Connection, TransportError, Scope.Scope> => {
    const url = URL.parse(address)
    switch (url?.protocol) {
      case "micro:":
        return Mux.dial(url, dialling)
      case "http:":
        return Plain.connect(url, dialling)
      default: {
        const problem = url === null ? "this is no URL" : `${url.protocol} is not spoken; micro: and http: are`
        return Effect.fail(new TransportError({ reason: new Unsupported({ address, problem }) }))
      }
    }
  }
  return Transport.of({
    connect,
    listen: (service, exchange) =>
      Effect.gen(function*() {
        const opened = yield* RcRef.get(port)
        yield* opened.serve(service, exchange)
        const name = options?.advertise ?? Hosts.reachable(opened.address.address)
        return `micro://${Hosts.inUrl(name)}:${opened.address.port}`
      })
  })
})

/** Carries calls over HTTP/1.1 and its upgrade. */
export const layer = (options?: Options): Layer.Layer<Transport> => Layer.effect(Transport, make(options))

/**
 * Carries calls as configured: `HOST`, `PORT`, `ADVERTISE`.
 *
 * **Example** (From the environment)
 *
 * ```ts
 * import * as HttpTransport from "effect-micro/Layers/HttpTransport"
 *
 * export const Transport = HttpTransport.layerConfig()
 * ```
 */
export const layerConfig = (options?: Options): Layer.Layer<Transport, Config.ConfigError> =>
  Layer.effect(
    Transport,
    Effect.gen(function*() {
      const host = yield* Config.String("HOST").pipe(Config.withDefault(options?.host))
      const port = yield* Config.Port("PORT").pipe(Config.withDefault(options?.port))
      const advertise = yield* Config.String("ADVERTISE").pipe(Config.withDefault(options?.advertise))
      return yield* make({ ...options, host, port, advertise })
    })
  )

/** Carries calls over HTTP/1.1 and its upgrade, on a free port of all interfaces. */
export const HttpTransportLive: Layer.Layer<Transport> = layer()
