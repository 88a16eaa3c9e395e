/** How to reach etcd, and who one is there. */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Tls from "../tls/options.ts"

/** How to reach etcd, and what to write. */
export interface Options {
  /** Members of one cluster, of which one is asked until it fails. Default `http://127.0.0.1:2379`. */
  readonly endpoints?: string | ReadonlyArray<string> | undefined
  readonly user?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  /** Certificates, for endpoints of `https:`. */
  readonly tls?: Tls.Options | undefined
  /** What all keys begin with. Default `/micro/registry`, as in Go Micro. */
  readonly prefix?: string | undefined
  /** How long an instance stays that says nothing any more. Default 10 seconds; at least 1. */
  readonly ttl?: Duration.Input | undefined
}

/** Options as configured, in the variables that `etcdctl` reads, over those that are given. */
export const over = (options: Options | undefined): Config.Config<Options> =>
  Config.all({
    endpoints: Config.option(Config.NonEmptyString("ETCDCTL_ENDPOINTS")),
    user: Config.option(Config.Redacted("ETCDCTL_USER")),
    password: Config.option(Config.Redacted("ETCDCTL_PASSWORD")),
    ca: Config.option(Config.NonEmptyString("ETCDCTL_CACERT")),
    cert: Config.option(Config.NonEmptyString("ETCDCTL_CERT")),
    key: Config.option(Config.NonEmptyString("ETCDCTL_KEY"))
  }).pipe(Config.map((told) => merged(told, options)))

// ---------------------------------------------------------------------------------------------------------------------

interface Told extends Readonly<Record<"ca" | "cert" | "key", Option.Option<string>>> {
  readonly endpoints: Option.Option<string>
  readonly user: Option.Option<Redacted.Redacted>
  readonly password: Option.Option<Redacted.Redacted>
}

const merged = ({ endpoints, password, user, ...files }: Told, options: Options | undefined): Options => ({
  ...options,
  ...credentials(Option.getOrUndefined(user), Option.getOrUndefined(password)),
  ...tls(options?.tls, files),
  ...Option.isSome(endpoints) ? { endpoints: endpoints.value.split(",").map((one) => url(one.trim())) } : {}
})

/** The password may stand behind the name: `user:password`. */
const credentials = (user: Redacted.Redacted | undefined, password: Redacted.Redacted | undefined) => {
  if (user === undefined) return {}
  const [name = "", ...rest] = Redacted.value(user).split(":")
  const inName = rest.length === 0 ? undefined : Redacted.make(rest.join(":"))
  return { user: name, password: password ?? inName }
}

const url = (endpoint: string): string => /^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`

const tls = (
  given: Tls.Options | undefined,
  files: Readonly<Record<"ca" | "cert" | "key", Option.Option<string>>>
): { readonly tls?: Tls.Options } => {
  const told = Object.entries(files).flatMap(([name, file]) =>
    Option.isSome(file) ? [[name, { file: file.value }]] : []
  )
  return told.length === 0 ? {} : { tls: { ...given, ...Object.fromEntries(told) } }
}
