/**
 * Who is running, as DNS says: for platforms that keep names of their own, as Kubernetes and Consul do.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Lookup from "../internal/dns/lookup.ts"
import * as Roster from "../internal/registry/roster.ts"
import * as Shared from "../internal/registry/shared.ts"
import { Registry, type RegistryError } from "../Registry.ts"

/** What is looked up, where, and how often. */
export interface Options {
  /** The name of a service in DNS, with `{service}` in it: `{service}.default.svc.cluster.local`. */
  readonly name: string
  /** The port of all instances, whose addresses (A, AAAA) are looked up then. Default those of SRV records. */
  readonly port?: number | undefined
  /** How instances are spoken to. Default `micro`. */
  readonly scheme?: string | undefined
  /** Servers to ask: `10.0.0.2`, `[fd00::2]:5353`. Default those of the system. */
  readonly servers?: ReadonlyArray<string> | undefined
  /** The shortest time between two questions, whatever the TTL. Default 1 second. */
  readonly minInterval?: Duration.Input | undefined
  /** The longest one, which holds where nobody is there as well. Default 30 seconds. */
  readonly maxInterval?: Duration.Input | undefined
  /** The names of services to tell of: nobody can ask DNS for them. Default none. */
  readonly services?: ReadonlyArray<string> | undefined
}

/** A registry that asks DNS, until the scope closes. */
export const make = (options: Options): Effect.Effect<Registry["Service"], RegistryError, Scope.Scope> =>
  Effect.gen(function*() {
    const resolver = yield* Lookup.resolver(options.servers)
    const { port, scheme = "micro" } = options
    const shortest = Duration.toMillis(options.minInterval ?? "1 second")
    const longest = Math.max(shortest, Duration.toMillis(options.maxInterval ?? "30 seconds"))
    /** Open where somebody could not be reached since the last question. */
    const doubts = new Map<string, Latch.Latch>()
    const follow = (service: string) => {
      const question = { service, name: options.name.replaceAll("{service}", service), port, scheme }
      const doubt = Latch.makeUnsafe()
      doubts.set(service, doubt)
      const rest = Effect.fnUntraced(function*(ttl: number) {
        yield* Effect.sleep(shortest)
        // By chance, so that processes which started together do not go on asking together.
        const interval = Math.min(longest, ttl * 1000) * (yield* Random.nextBetween(0.9, 1.1))
        yield* Effect.race(Effect.sleep(Math.max(0, interval - shortest)), Latch.await(doubt))
      })
      return Stream.unfold(undefined as number | undefined, (ttl) =>
        Effect.gen(function*() {
          if (ttl !== undefined) yield* rest(ttl)
          yield* Latch.close(doubt)
          const found: Lookup.Found = yield* Lookup.lookup(resolver, question)
          return [found.list, found.ttl] as const
        }))
    }
    return Registry.of({
      // Who is in DNS is for the platform to say; a service that it started must be able to start.
      register: ({ id, service }) => Effect.logDebug(`${id} of ${service} is announced by the platform, not here`),
      watch: yield* Shared.make({ registry: "DNS", follow, same: Roster.same }),
      services: Stream.concat(Stream.sync(() => (options.services ?? []).toSorted()), Stream.never),
      doubt: ({ service }) => Effect.suspend(() => Effect.asVoid(doubts.get(service)?.open ?? Effect.void))
    })
  })

/**
 * A registry that asks DNS.
 *
 * **Details**
 *
 * With a `port` an instance is an address of the name. Without one it is an SRV record of the first priority whose target
 * has an address, and its weight is the metadata `weight`. The name is asked for again when the TTL of its addresses is
 * over, within the bounds of `minInterval` and `maxInterval`, and after `minInterval` where an instance could not be
 * reached.
 *
 * That a name is not there, or has no such records, says that nobody is there. Where no server could tell, the last list
 * stays; where there is none yet the watch fails.
 *
 * **Gotchas**
 *
 * To register does nothing: the platform that runs the process writes its names.
 *
 * **Example** (A headless service of Kubernetes)
 *
 * ```ts
 * import * as DnsRegistry from "effect-micro/Layers/DnsRegistry"
 *
 * export const Discovery = DnsRegistry.layer({ name: "{service}.default.svc.cluster.local", port: 4000 })
 * ```
 */
export const layer = (options: Options): Layer.Layer<Registry, RegistryError> => Layer.effect(Registry, make(options))
