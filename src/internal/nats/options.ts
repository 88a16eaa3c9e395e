/** How to reach NATS, and who one is there. */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Pem } from "../tls/options.ts"

/** Certificates towards the servers; files are read again whenever a connection is made. */
export interface TlsOptions {
  /** The authorities to trust, instead of those that Node knows. */
  readonly ca?: Pem | undefined
  /** One's own certificate, where the servers ask for one. */
  readonly cert?: Pem | undefined
  /** Its key. */
  readonly key?: Pem | undefined
}

export interface Options {
  /** Addresses of servers of one cluster; `nats://127.0.0.1:4222` unless told. */
  readonly servers?: string | ReadonlyArray<string> | undefined
  /** What the servers call this client in their own reports. */
  readonly name?: string | undefined
  readonly token?: Redacted.Redacted | undefined
  readonly user?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  /** The text of a file of credentials, as `nsc` writes them: a JWT and a seed. */
  readonly credentials?: Redacted.Redacted | undefined
  /**
   * Insists on TLS; `true` trusts the authorities that Node knows. The servers need names: the client compares the
   * certificate of a bare address with `localhost`.
   */
  readonly tls?: TlsOptions | true | undefined
  /** How long whoever needs a connection waits for one, and for the answer of the server; 10 seconds unless told. */
  readonly timeout?: Duration.Input | undefined
}

/**
 * Options as configured, over those that are given: `NATS_URL` (several with commas between them), `NATS_TOKEN`,
 * `NATS_USER`, `NATS_PASSWORD`, `NATS_CREDENTIALS`, and the file of an authority, `NATS_CA`.
 */
export const over = <O extends Options>(options: O | undefined): Config.Config<O & Options> =>
  Config.all({
    servers: optional(Config.NonEmptyString("NATS_URL")),
    token: optional(Config.Redacted("NATS_TOKEN")),
    user: optional(Config.NonEmptyString("NATS_USER")),
    password: optional(Config.Redacted("NATS_PASSWORD")),
    credentials: optional(Config.Redacted("NATS_CREDENTIALS")),
    ca: optional(Config.NonEmptyString("NATS_CA"))
  }).pipe(Config.map(({ ca, servers, ...secrets }) => ({
    ...options as O,
    ...Object.fromEntries(Object.entries(secrets).filter(([, secret]) => secret !== undefined)),
    ...(servers === undefined ? {} : { servers: servers.split(",").map((server) => server.trim()) }),
    ...(ca === undefined ? {} : { tls: { ...(options?.tls === true ? {} : options?.tls), ca: { file: ca } } })
  })))

/** What the client is told. */
export const settings = (
  { credentials, name, password, servers, tls, token, user }: Options
) => ({
  servers: typeof servers === "string" ? servers : [...servers ?? ["nats://127.0.0.1:4222"]],
  ...(name === undefined ? {} : { name }),
  ...(token === undefined ? {} : { token: Redacted.value(token) }),
  ...(user === undefined ? {} : { user }),
  ...(password === undefined ? {} : { pass: Redacted.value(password) }),
  ...(tls === undefined ? {} : { tls: tls === true ? {} : certificates(tls) }),
  credentials: credentials === undefined ? undefined : new TextEncoder().encode(`${Redacted.value(credentials)}\n`)
})

// ---------------------------------------------------------------------------------------------------------------------

const optional = <A>(config: Config.Config<A>) => Config.withDefault(config, undefined)

const certificates = ({ ca, cert, key }: TlsOptions) => ({
  ...pem("ca", ca),
  ...pem("cert", cert),
  ...pem("key", key)
})

const pem = (name: string, value: Pem | undefined): Record<string, string> =>
  value === undefined
    ? {}
    : typeof value === "string"
    ? { [name]: value }
    : Redacted.isRedacted(value)
    ? { [name]: Redacted.value(value) }
    : { [`${name}File`]: value.file }
