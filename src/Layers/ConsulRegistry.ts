/**
 * Who is running, as Consul knows it: a cluster of servers, and an agent of it beside each process.
 *
 * Entries are those of Go Micro, so that its services and ours find each other.
 */
import * as Arr from "effect/Array"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Agent from "../internal/consul/agent.ts"
import * as Consul from "../internal/consul/options.ts"
import * as Api from "../internal/registry/api.ts"
import * as Roster from "../internal/registry/roster.ts"
import * as Shared from "../internal/registry/shared.ts"
import * as Standing from "../internal/registry/standing.ts"
import { Registry, type RegistryError } from "../Registry.ts"

/** How to reach Consul, and what to tell it. */
export type Options = Consul.Options

/** How Consul finds out whether an instance is well. */
export type Check = Consul.Check

/** A registry in Consul, until the scope closes. */
export const make = (options: Options = {}): Effect.Effect<Registry["Service"], RegistryError, Scope.Scope> =>
  Effect.gen(function*() {
    const { address = "http://127.0.0.1:8500", tls, token } = options
    const api = yield* Api.make({ registry: "Consul", address, tls, headers: Agent.headers(token) })
    const instances = yield* Shared.make({
      registry: api.registry,
      follow: (service) => Agent.instances(api, options, service),
      same: Roster.same
    })
    const services = yield* Shared.make({
      registry: api.registry,
      follow: () => Agent.services(api, options),
      same: Arr.makeEquivalence(Equivalence.String)
    })
    return Registry.of({
      register: yield* Standing.make(Agent.announcer(api, options)),
      watch: instances,
      services: services("the services"),
      // Whether somebody is well is for Consul's own checks to find out.
      doubt: () => Effect.void
    })
  })

/**
 * A registry in Consul.
 *
 * **Details**
 *
 * An instance is registered with the agent together with a check: it says five times within its `ttl` that it is well, or
 * the agent asks it over HTTP. Who is not well is in no list, and forgotten after `deregisterAfter`. An agent that has
 * lost its data is told again, two seconds after it is back at the latest with the default check. To register returns
 * when the servers list the instance, or after two seconds.
 *
 * Changes come by blocking queries, one for each name that is watched, at most two a second. While Consul is away, has no
 * leader, or does not allow to read, the last list stays; where there is none yet the watch fails with the reason. An
 * empty list is believed only if the token may read the service.
 *
 * Address, port, metadata, endpoints and version are written as Go Micro writes them, into tags. The whole URL and the id
 * stand in Consul's own metadata, as `micro-address` and `micro-id`. What others have registered is read with the address
 * `http://<address>:<port>`.
 *
 * **Gotchas**
 *
 * Ids are known to Consul as `<service>:<id>`. Metadata that Go Micro's clients look at (`protocol`, `transport`,
 * `server`, `registry`) is added where the instance does not say it.
 *
 * **Example** (An agent that asks for a token)
 *
 * ```ts
 * import * as ConsulRegistry from "effect-micro/Layers/ConsulRegistry"
 *
 * export const Discovery = ConsulRegistry.layer({ token: { file: "/run/secrets/consul" }, check: { ttl: "20 seconds" } })
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Registry, RegistryError> => Layer.effect(Registry, make(options))

/**
 * A registry in Consul as configured, in the variables that Consul's own tools read: `CONSUL_HTTP_ADDR`,
 * `CONSUL_HTTP_TOKEN`, `CONSUL_HTTP_TOKEN_FILE`, `CONSUL_HTTP_SSL`, `CONSUL_CACERT`, `CONSUL_CLIENT_CERT`,
 * `CONSUL_CLIENT_KEY`, `CONSUL_TLS_SERVER_NAME`, `CONSUL_NAMESPACE` and `CONSUL_PARTITION`.
 *
 * **Gotchas**
 *
 * Certificates are always verified: `CONSUL_HTTP_SSL_VERIFY` is not read.
 */
export const layerConfig = (options?: Options): Layer.Layer<Registry, RegistryError | Config.ConfigError> =>
  Layer.effect(Registry, Effect.flatMap(Consul.over(options), make))

/** A registry in Consul as the environment says. */
export const ConsulRegistryLive: Layer.Layer<Registry, RegistryError | Config.ConfigError> = layerConfig()
