/** How to reach Consul, who one is there, and how it finds out that an instance has gone. */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import type { Secret } from "../registry/secret.ts"
import type * as Tls from "../tls/options.ts"

/** How Consul finds out whether an instance is well: the instance says so in time, or Consul asks it. */
export type Check =
  | { readonly ttl: Duration.Input }
  | {
    /** The path that answers with 2xx where all is well: `/health`. */
    readonly http: string
    readonly interval?: Duration.Input | undefined
  }

/** How to reach Consul, and what to tell it. */
export interface Options {
  /** Default `http://127.0.0.1:8500`. Also `https://…`, or the file of a socket: `unix:///run/consul.sock`. */
  readonly address?: string | undefined
  /** Itself, or the file that has it, which is read before each request. */
  readonly token?: Secret | undefined
  /** Certificates, for an address of `https:`. */
  readonly tls?: Tls.Options | undefined
  /** The datacenter that is read. Default that of the agent, which is the one to register in. */
  readonly datacenter?: string | undefined
  readonly namespace?: string | undefined
  readonly partition?: string | undefined
  /**
   * Who may answer: any server (`stale`, the default), one that was the leader a moment ago (`default`), or one that has
   * made sure that it is (`consistent`).
   */
  readonly consistency?: "stale" | "default" | "consistent" | undefined
  /** Default `{ ttl: "10 seconds" }`, of which a fifth is the time between two heartbeats. */
  readonly check?: Check | undefined
  /** How long Consul keeps an instance that is not well before it forgets it. Default 65 seconds; at least a minute. */
  readonly deregisterAfter?: Duration.Input | undefined
}

/** Options as configured, in the variables that Consul's own tools read, over those that are given. */
export const over = (options: Options | undefined): Config.Config<Options> =>
  Config.all({
    address: text("CONSUL_HTTP_ADDR"),
    ssl: Config.withDefault(Config.Boolean("CONSUL_HTTP_SSL"), false),
    secret: Config.withDefault(Config.Redacted("CONSUL_HTTP_TOKEN"), undefined),
    file: text("CONSUL_HTTP_TOKEN_FILE"),
    ca: text("CONSUL_CACERT"),
    cert: text("CONSUL_CLIENT_CERT"),
    key: text("CONSUL_CLIENT_KEY"),
    serverName: text("CONSUL_TLS_SERVER_NAME"),
    namespace: text("CONSUL_NAMESPACE"),
    partition: text("CONSUL_PARTITION")
  }).pipe(Config.map(({ address, ca, cert, file, key, namespace, partition, secret, serverName, ssl }) => {
    const token = secret ?? (file === undefined ? undefined : { file })
    const tls = { ca: read(ca), cert: read(cert), key: read(key), serverName }
    const isTold = Object.values(tls).some((value) => value !== undefined)
    return {
      ...options,
      ...defined({ namespace, partition, token, address: address === undefined ? undefined : url(address, ssl) }),
      ...isTold ? { tls: { ...options?.tls, ...defined(tls) } } : {}
    }
  }))

// ---------------------------------------------------------------------------------------------------------------------

const text = (name: string) => Config.withDefault(Config.NonEmptyString(name), undefined)

const read = (file: string | undefined) => file === undefined ? undefined : { file }

/** Consul's tools take an address without a scheme. */
const url = (address: string, ssl: boolean): string => {
  if (address.startsWith("unix:")) return address
  const bare = address.replace(/^https?:\/\//, "")
  return `${ssl || address.startsWith("https:") ? "https" : "http"}://${bare}`
}

const defined = <A extends object>(record: A): { readonly [K in keyof A]?: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof A]?: Exclude<A[K], undefined>
  }
