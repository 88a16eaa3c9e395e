/**
 * Who is running, as etcd keeps it: under a key each, which goes with a lease.
 *
 * Keys and values are those of Go Micro, so that its services and ours find each other.
 */
import * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fleet from "../internal/etcd/fleet.ts"
import * as Gateway from "../internal/etcd/gateway.ts"
import * as Etcd from "../internal/etcd/options.ts"
import * as Api from "../internal/registry/api.ts"
import * as Roster from "../internal/registry/roster.ts"
import * as Shared from "../internal/registry/shared.ts"
import * as Standing from "../internal/registry/standing.ts"
import { Registry, type RegistryError } from "../Registry.ts"

/** How to reach etcd, and what to write. */
export type Options = Etcd.Options

/** A registry in etcd, until the scope closes. */
export const make = (options: Options = {}): Effect.Effect<Registry["Service"], RegistryError, Scope.Scope> =>
  Effect.gen(function*() {
    const { endpoints = "http://127.0.0.1:2379", tls } = options
    const api = yield* Api.make({ registry: "etcd", address: endpoints, tls })
    const gateway = Gateway.make(api, options)
    const instances = yield* Shared.make({
      registry: api.registry,
      follow: (service) => Fleet.instances(gateway, options, service),
      same: Roster.same
    })
    const services = yield* Shared.make({
      registry: api.registry,
      follow: () => Stream.map(Fleet.instances(gateway, options), names),
      same: Arr.makeEquivalence(Equivalence.String)
    })
    return Registry.of({
      register: yield* Standing.make(Fleet.announcer(gateway, options)),
      watch: instances,
      services: services("the services"),
      // Who is there is what leases say.
      doubt: () => Effect.void
    })
  })

/**
 * A registry in etcd 3.4 or later, by its JSON gateway.
 *
 * **Details**
 *
 * An instance is written under a lease of `ttl`, which is kept alive five times within it and revoked when the scope
 * closes. Where etcd has lost it, it is written again. A watch begins with a list that the majority of members agrees on,
 * and goes on with the changes from its revision; where that is too old by now, and once a minute, it begins again.
 *
 * While etcd is away the last list stays; where there is none yet the watch fails with the reason.
 *
 * **Gotchas**
 *
 * Metadata that Go Micro's clients look at (`protocol`, `transport`, `server`, `registry`) is added where the instance does
 * not say it.
 *
 * **Example** (A cluster of three)
 *
 * ```ts
 * import * as EtcdRegistry from "effect-micro/Layers/EtcdRegistry"
 *
 * export const Discovery = EtcdRegistry.layer({
 *   endpoints: ["http://10.0.0.1:2379", "http://10.0.0.2:2379", "http://10.0.0.3:2379"]
 * })
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Registry, RegistryError> => Layer.effect(Registry, make(options))

/**
 * A registry in etcd as configured, in the variables that `etcdctl` reads: `ETCDCTL_ENDPOINTS`, `ETCDCTL_USER`,
 * `ETCDCTL_PASSWORD`, `ETCDCTL_CACERT`, `ETCDCTL_CERT` and `ETCDCTL_KEY`.
 */
export const layerConfig = (options?: Options): Layer.Layer<Registry, RegistryError | Config.ConfigError> =>
  Layer.effect(Registry, Effect.flatMap(Etcd.over(options), make))

/** A registry in etcd as the environment says. */
export const EtcdRegistryLive: Layer.Layer<Registry, RegistryError | Config.ConfigError> = layerConfig()

// ---------------------------------------------------------------------------------------------------------------------

const names = (instances: Roster.Roster): ReadonlyArray<string> =>
  [...new Set(instances.map(({ service }) => service))].toSorted()
