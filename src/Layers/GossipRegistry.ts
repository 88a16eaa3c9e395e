/**
 * Who is running, without a server, on any network: members of a cluster tell each other, in the words of memberlist.
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Fleet from "../internal/gossip/registry/fleet.ts"
import * as Gossip from "../internal/gossip/registry/options.ts"
import { Registry, type RegistryError } from "../Registry.ts"

/** How a member finds the others, and how they speak. */
export type Options = Gossip.Options

/** A registry that is a member of a gossip cluster until the scope closes. */
export const make = (options?: Options): Effect.Effect<Registry["Service"], RegistryError, Scope.Scope> =>
  Effect.map(Fleet.make(options ?? {}), ({ registry }) => registry)

/**
 * A registry that is a member of a gossip cluster.
 *
 * **Details**
 *
 * A member listens on one port, for packets and connections. It asks those of `join` in the background, for as long as it
 * takes; the first list is there when one of them has answered, or all were asked and none did. From then on any member
 * may go, the first ones too: all know each other, and those that were lost are asked again.
 *
 * A service that is registered is known to thirty members within a second. A member that leaves takes its services along
 * at once; one that crashed is found out by the others within seconds, sooner where it is doubted, and with it goes all
 * that it ran.
 *
 * Programs of Go that use memberlist may be members of the same cluster; with `serf`, agents of Serf.
 *
 * **Gotchas**
 *
 * The layer fails where the port cannot be used, and where a key is none. Members of another key or label are not
 * heard, and the log says so once for each.
 *
 * Without keys nobody is authenticated: whoever reaches the port can announce an instance.
 *
 * **Example** (Two to ask first)
 *
 * ```ts
 * import * as GossipRegistry from "effect-micro/Layers/GossipRegistry"
 *
 * export const Discovery = GossipRegistry.layer({ join: ["10.0.0.7:7946", "10.0.0.8:7946"] })
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Registry, RegistryError> => Layer.effect(Registry, make(options))

/**
 * A registry that is a member of a gossip cluster as configured: `GOSSIP_JOIN` and `GOSSIP_KEYS` (several with commas
 * between them), `GOSSIP_PORT`, `GOSSIP_HOST`, `GOSSIP_ADVERTISE`, `GOSSIP_PRESET`, `GOSSIP_LABEL`, `GOSSIP_NODE`,
 * `GOSSIP_SERF`.
 */
export const layerConfig = (options?: Options): Layer.Layer<Registry, RegistryError | Config.ConfigError> =>
  Layer.effect(Registry, Effect.flatMap(Gossip.over(options), make))

/** A registry that is a member of a gossip cluster, as configured. */
export const GossipRegistryLive: Layer.Layer<Registry, RegistryError | Config.ConfigError> = layerConfig()
