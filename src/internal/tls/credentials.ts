/**
 * The certificates of a transport: read, checked, and read again while the transport uses them.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { X509Certificate } from "node:crypto"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import * as Tls from "node:tls"
import type { Options, Pem } from "./options.ts"

/** The certificates cannot be used. */
export class Unusable extends Data.TaggedError("Unusable")<{ readonly problem: string; readonly cause?: unknown }> {
  override get message(): string {
    return `The certificates cannot be used: ${this.problem}`
  }
}

/** What is used from one reading of the files to the next that changes something. */
export interface Credentials {
  readonly parts: Tls.SecureContextOptions
  readonly context: Tls.SecureContext
}

export interface Source {
  readonly current: SubscriptionRef.SubscriptionRef<Credentials>
  /** Reads the files again. What cannot be used changes nothing, and is logged once. */
  readonly refresh: Effect.Effect<void>
}

/** Reads the certificates, and reads those that are files again until the scope closes. */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Source, Unusable, Scope.Scope> {
  const current = yield* SubscriptionRef.make(yield* load(options))
  const source: Source = { current, refresh: refreshing(options, current) }
  if ([options.cert, options.key, options.ca].flat().some(isFile)) {
    const interval = Duration.max(Duration.fromInputUnsafe(options.reload ?? "10 seconds"), shortest)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(interval), source.refresh)))
  }
  return source
})

// ---------------------------------------------------------------------------------------------------------------------

/** Between two readings, whatever was asked for. */
const shortest = Duration.millis(10)

const isFile = (pem: Pem | undefined): pem is { readonly file: string } =>
  typeof pem === "object" && !Redacted.isRedacted(pem)

const refreshing = (options: Options, current: Source["current"]): Effect.Effect<void> => {
  let told: string | undefined
  return load(options).pipe(
    Effect.flatMap((next) => {
      told = undefined
      if (same(SubscriptionRef.getUnsafe(current), next)) return Effect.void
      return Effect.andThen(SubscriptionRef.set(current, next), Effect.logInfo("TLS goes on with new certificates"))
    }),
    Effect.catch((unusable) => {
      if (told === unusable.message) return Effect.void
      told = unusable.message
      return Effect.logWarning("TLS goes on with the certificates that it has", unusable)
    })
  )
}

/** By what they say: the date of a file changes without it, and behind a symbolic link may not change with it. */
const same = ({ parts: a }: Credentials, { parts: b }: Credentials): boolean =>
  a.cert === b.cert && a.key === b.key && String(a.ca) === String(b.ca)

const load = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Credentials, Unusable> {
  const problem = (options.cert === undefined) !== (options.key === undefined)
    ? "a certificate and its key go together"
    // Without this, everybody that a public authority knows would be a client.
    : options.mutual === true && options.ca === undefined
    ? "to ask clients for certificates takes a `ca` that has signed them"
    : Net.isIP(options.serverName ?? "") !== 0
    ? "`serverName` is an address"
    : undefined
  if (problem !== undefined) return yield* new Unusable({ problem })
  const cert = yield* read(options.cert)
  const key = yield* read(options.key)
  const ca = options.ca === undefined ? undefined : yield* Effect.forEach([options.ca].flat(), read)
  const parts: Tls.SecureContextOptions = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca: ca as Array<string> }),
    minVersion: options.minVersion ?? "TLSv1.2"
  }
  return yield* Effect.try({
    try: () => {
      // Node passes over authorities that make no sense, and trusts nobody.
      ca?.forEach((text) => new X509Certificate(text as string))
      return { parts, context: Tls.createSecureContext(parts) }
    },
    catch: (cause) => new Unusable({ problem: cause instanceof Error ? cause.message : "they make no sense", cause })
  })
})

const read = (pem: Pem | undefined): Effect.Effect<string | undefined, Unusable> =>
  !isFile(pem)
    ? Effect.succeed(Redacted.isRedacted(pem) ? Redacted.value(pem) : pem)
    : Effect.tryPromise({
      try: () => Fs.readFile(pem.file, "utf8"),
      catch: (cause) => new Unusable({ problem: `${pem.file} cannot be read`, cause })
    })
