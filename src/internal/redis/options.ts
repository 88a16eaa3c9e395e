/** How to reach Redis, and who one is there. */
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"

export interface Options {
  /** `redis://host:port/database`, or `rediss:` for TLS; `redis://127.0.0.1:6379` unless told. */
  readonly url?: string | undefined
  readonly user?: string | undefined
  readonly password?: Redacted.Redacted | undefined
  /** The authorities to trust over TLS, in PEM, instead of those that Node knows. */
  readonly ca?: string | undefined
  /** How long whoever needs a connection waits for one, and for the answer of the server; 10 seconds unless told. */
  readonly timeout?: Duration.Input | undefined
}

/** Options as configured, over those that are given: `REDIS_URL`, `REDIS_USER` and `REDIS_PASSWORD`. */
export const over = <O extends Options>(options: O | undefined): Config.Config<O & Options> =>
  Config.all({
    url: Config.withDefault(Config.NonEmptyString("REDIS_URL"), undefined),
    user: Config.withDefault(Config.NonEmptyString("REDIS_USER"), undefined),
    password: Config.withDefault(Config.Redacted("REDIS_PASSWORD"), undefined)
  }).pipe(Config.map((told) => {
    const known = Object.entries(told).filter(([, value]) => value !== undefined)
    return Object.assign({}, options, Object.fromEntries(known)) as O & Options
  }))

/** The address without the secrets that it may hold. */
export const shown = ({ url = local }: Options): string => url.replace(/\/\/[^/]*@/, "//")

/** What the client is told. */
export const settings = ({ ca, password, url = local, user }: Options) => ({
  url,
  ...(user === undefined ? {} : { username: user }),
  ...(password === undefined ? {} : { password: Redacted.value(password) }),
  ...(ca === undefined ? {} : { tls: { tls: true as const, ca } })
})

// ---------------------------------------------------------------------------------------------------------------------

const local = "redis://127.0.0.1:6379"
