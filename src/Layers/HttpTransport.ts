/**
 * Calls over HTTP, on one port.
 *
 * A port speaks three languages. Plain HTTP/1.1 carries unary calls, for curl, browsers and Go Micro: `POST /` with
 * `Micro-Service` and `Micro-Endpoint` headers, or `POST /<service>/<method>`. A connection upgraded to `effect-micro/1`
 * carries any number of calls of every kind at once, as frames. HTTP/2 carries gRPC. The scheme of an address says which
 * one is meant, as `ws:` does for WebSocket: `http://10.0.0.7:4000`, `micro://10.0.0.7:4000`, `grpc://10.0.0.7:4000`. What
 * is advertised is the second.
 *
 * With certificates the port speaks all of them under TLS, and nothing else: `https:`, `micros:` and `grpcs:`.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcRef from "effect/RcRef"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Answering from "../internal/answering.ts"
import * as Hosts from "../internal/hosts.ts"
import * as Plain from "../internal/http/client.ts"
import * as Cors from "../internal/http/cors.ts"
import * as Port from "../internal/http/port.ts"
import * as SocketFile from "../internal/http/socketFile.ts"
import * as Mux from "../internal/mux/dial.ts"
import * as TlsConfig from "../internal/tls/config.ts"
import type * as Tls from "../internal/tls/options.ts"
import type { Secure } from "../internal/tls/secure.ts"
import * as Wheel from "../internal/wheel.ts"
import { CannotListen, NotConnected, Transport, TransportError, Unsupported } from "../Transport.ts"

/** What TLS takes: certificates, whom to trust, and how often to look for new ones. */
export type TlsOptions = Tls.Options

/** Which pages may call. */
export type CorsOptions = Cors.Options

export interface Options {
  /** Interface to listen on. Default all of them: `0.0.0.0`. */
  readonly host?: string | undefined
  /** Port to listen on. Default 0: a free one. */
  readonly port?: number | undefined
  /**
   * File of a Unix domain socket to listen on instead, for clients on this machine: `unix:` and its absolute path. One
   * that a dead process has left is replaced; it is removed when the transport closes. Not with `tls`.
   */
  readonly path?: string | undefined
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
  /** Which pages of other origins may call. Default none. Options that make no sense are a defect. */
  readonly cors?: Cors.Options | undefined
  /** Certificates. Default none: the port speaks in the clear, and `micros:`, `https:` and `grpcs:` trust whom Node trusts. */
  readonly tls?: Tls.Options | undefined
}

/** A transport over HTTP/1.1 and its upgrade. */
export const make = Effect.fnUntraced(function*(
  options?: Options
): Effect.fn.Return<Transport["Service"], never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const wheel = yield* Wheel.make
  const answer = Answering.make(context, wheel)
  const cors = options?.cors === undefined ? undefined : Cors.make(options.cors)
  const shared = {
    wheel,
    maxMessage: options?.maxMessage ?? 4 * 1024 * 1024,
    maxHeaders: options?.maxHeaders ?? 16 * 1024,
    maxCalls: options?.maxCalls ?? 65_536
  }
  const secure = yield* RcRef.make({ acquire: load(options?.tls ?? {}) })
  const port = yield* RcRef.make({
    acquire: open(options?.tls === undefined ? undefined : RcRef.get(secure), options?.advertise, {
      ...shared,
      host: options?.host ?? "0.0.0.0",
      port: options?.port ?? 0,
      path: options?.path,
      maxConnections: options?.maxConnections ?? 10_000,
      answer,
      context,
      cors
    })
  })
  const connect = connecting(RcRef.get(secure), {
    ...shared,
    connectTimeout: Duration.toMillis(options?.connectTimeout ?? "2 seconds"),
    idleTimeout: Duration.toMillis(options?.idleTimeout ?? "60 seconds")
  })
  return Transport.of({
    connect,
    listen: (service, exchange) =>
      Effect.gen(function*() {
        const { address, serve } = yield* RcRef.get(port)
        yield* serve(service, exchange)
        return address
      })
  })
})

/** Carries calls over HTTP/1.1 and its upgrade. */
export const layer = (options?: Options): Layer.Layer<Transport> => Layer.effect(Transport, make(options))

/**
 * Carries calls as configured: `HOST`, `PORT`, `ADVERTISE`, and `TLS_CERT`, `TLS_KEY`, `TLS_CA`, `TLS_MUTUAL`.
 *
 * **Details**
 *
 * The first three of TLS are paths of files in PEM, and the last one is a boolean. Where none of the four is there and
 * `options` have no `tls`, the port speaks in the clear.
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
      const tls = yield* TlsConfig.over(options?.tls)
      return yield* make({ ...options, host, port, advertise, tls })
    })
  )

/** Carries calls over HTTP/1.1 and its upgrade, on a free port of all interfaces. */
export const HttpTransportLive: Layer.Layer<Transport> = layer()

/**
 * Certificates for development: an authority that nobody knows, and one certificate that it has signed.
 *
 * **Details**
 *
 * Good as `tls` for servers, clients, and both under mutual TLS. The key of the authority is kept nowhere, so that nothing
 * else is ever signed by it. Without `hosts` they are good for `localhost`, the loopback addresses, and the address that
 * a port on all interfaces advertises; without `days`, for 30.
 *
 * **Gotchas**
 *
 * Two programs trust each other when they have the same ones: write them to files, and name the files in both.
 *
 * **Example** (TLS within one program)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as HttpTransport from "effect-micro/Layers/HttpTransport"
 *
 * export const Development = Layer.unwrap(Effect.map(HttpTransport.selfSigned(), (tls) => HttpTransport.layer({ tls })))
 * ```
 */
export const selfSigned = Effect.fnUntraced(function*(options?: {
  readonly hosts?: ReadonlyArray<string> | undefined
  readonly days?: number | undefined
}): Effect.fn.Return<SelfSigned> {
  const { make } = yield* Effect.promise(() => import("../internal/tls/authority.ts"))
  const now = yield* Clock.currentTimeMillis
  // An hour back, for clocks that differ.
  const valid = { notBefore: now - hour, notAfter: now + (options?.days ?? 30) * 24 * hour }
  const authority = make({ name: "effect-micro development", ...valid })
  const hosts = options?.hosts ?? ["localhost", "127.0.0.1", "::1", Hosts.reachable("0.0.0.0")]
  const { cert, key } = authority.issue({ name: "effect-micro", hosts, ...valid })
  return { ca: authority.cert, cert, key: Redacted.make(key) }
})

/** What `selfSigned` makes, in PEM. */
export interface SelfSigned {
  readonly ca: string
  readonly cert: string
  readonly key: Redacted.Redacted
}

// ---------------------------------------------------------------------------------------------------------------------

const hour = 60 * 60 * 1000

type Certificates = Effect.Effect<Secure, Error, Scope.Scope>

/** Reads the certificates. Who does without TLS does not load it. */
const load = (options: Tls.Options): Certificates =>
  Effect.flatMap(Effect.promise(() => import("../internal/tls/secure.ts")), ({ make }) => make(options))

/** Opens the port, with the address that others are told. */
const open = Effect.fnUntraced(function*(
  certificates: Certificates | undefined,
  advertise: string | undefined,
  options: Port.Options
) {
  const bound = `${certificates === undefined ? "http" : "https"}://${Hosts.inUrl(options.host)}:${options.port}`
  const cannotListen = (problem: string, cause?: Error) =>
    new TransportError({ reason: new CannotListen({ address: bound, problem, ...(cause && { cause }) }) })
  const secure = certificates === undefined
    ? undefined
    : yield* Effect.mapError(certificates, (cause) => cannotListen(cause.message, cause))
  if (secure?.problemOf("") === "no certificate") {
    return yield* Effect.fail(cannotListen("TLS takes a certificate and its key"))
  }
  if (secure !== undefined && options.path !== undefined) {
    return yield* Effect.fail(cannotListen("there is no TLS over the file of a socket"))
  }
  const { address, serve } = yield* Port.open({ ...options, secure: secure?.listen })
  if (address === undefined) return { address: SocketFile.address(options.path!), serve }
  const name = advertise ?? Hosts.reachable(address.address)
  if (secure?.problemOf(name) === "another name") {
    yield* Effect.logWarning(`Clients will not trust ${name}, which is advertised: the certificate is for another name`)
  }
  return { address: `${secure === undefined ? "micro" : "micros"}://${Hosts.inUrl(name)}:${address.port}`, serve }
})

const connecting = (certificates: Certificates, options: Mux.Options): Transport["Service"]["connect"] => (address) => {
  const url = URL.parse(address)
  const secured = (url: URL, dial: typeof Mux.dial) =>
    certificates.pipe(
      Effect.mapError((cause) => new TransportError({ reason: new NotConnected({ address, cause }) })),
      Effect.flatMap(({ connect }) => dial(url, { ...options, secure: connect }))
    )
  switch (url?.protocol) {
    case "micro:":
    case "unix:":
      return Mux.dial(url, options)
    case "micros:":
      return secured(url, Mux.dial)
    case "grpc:":
      return grpc(url, options)
    case "grpcs:":
      return secured(url, grpc)
    case "http:":
      return Plain.connect(url, options)
    case "https:":
      return secured(url, Plain.connect)
    default: {
      const spoken = "micro:, micros:, unix:, http:, https:, grpc: and grpcs: are"
      const problem = url === null ? "this is no URL" : `${url.protocol} is not spoken; ${spoken}`
      return Effect.fail(new TransportError({ reason: new Unsupported({ address, problem }) }))
    }
  }
}

/** HTTP/2 takes longer to load than most services to start: only who dials pays for it. */
const grpc: typeof Mux.dial = (url, options) =>
  Effect.flatMap(Effect.promise(() => import("../internal/grpc/dial.ts")), ({ dial }) => dial(url, options))
