/**
 * Who is running, as somebody wrote it down.
 *
 * For fleets that a human or a deployment tool knows by address, and for networks where nothing can be discovered. The
 * fleet is fixed: nobody is asked whether it is still there, so that instances that died are the selector's business.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Directory from "../internal/registry/directory.ts"
import { Instance, InvalidInstance, Registry, RegistryError } from "../Registry.ts"

/** Addresses by the name of the service. */
export type Addresses = Readonly<Record<string, ReadonlyArray<string>>>

/** A fleet: whole instances, or no more than their addresses. */
export type Fleet = ReadonlyArray<Instance> | Addresses

/** A registry that knows the fleet, and those registered with it for as long as they are. */
export const make = (fleet: Fleet): Effect.Effect<Registry["Service"], RegistryError> =>
  Effect.flatMap(Effect.forEach(instancesOf(fleet), validate), Directory.make)

/**
 * A registry that knows a fixed fleet.
 *
 * **Details**
 *
 * An instance that is given by its address alone has the address as its id, no version and no metadata. Registering adds
 * an instance, in this process only, until its scope closes.
 *
 * The layer fails where an address is not a URL with a host.
 *
 * **Example** (Two instances of one service)
 *
 * ```ts
 * import * as StaticRegistry from "effect-micro/Layers/StaticRegistry"
 *
 * export const Fleet = StaticRegistry.layer({
 *   orders: ["micro://10.0.0.7:4000", "micro://10.0.0.8:4000"]
 * })
 * ```
 */
export const layer = (fleet: Fleet): Layer.Layer<Registry, RegistryError> => Layer.effect(Registry, make(fleet))

/**
 * A registry that knows the fleet of a `Config`.
 *
 * **Example** (A fleet from the environment)
 *
 * With `FLEET="orders=micro://10.0.0.7:4000 micro://10.0.0.8:4000, users=micro://10.0.0.9:4000"`:
 *
 * ```ts
 * import * as StaticRegistry from "effect-micro/Layers/StaticRegistry"
 *
 * export const Fleet = StaticRegistry.layerConfig(StaticRegistry.fleet("FLEET"))
 * ```
 */
export const layerConfig = (
  config: Config.Config<Fleet>
): Layer.Layer<Registry, RegistryError | Config.ConfigError> => Layer.effect(Registry, Effect.flatMap(config, make))

/**
 * The addresses of a fleet in one line of text: `orders=<address> <address>, users=<address>`.
 *
 * **Details**
 *
 * Services are separated by commas, addresses by spaces. A service may be named without an address: nobody is there.
 */
export const fleet = (name: string): Config.Config<Addresses> =>
  Config.map(Config.String(name), (text) => addressesOf(text))

/** The fleet of the config `MICRO_FLEET`, in the form that `fleet` reads. */
export const StaticRegistryLive: Layer.Layer<Registry, RegistryError | Config.ConfigError> = layerConfig(
  fleet("MICRO_FLEET")
)

// ---------------------------------------------------------------------------------------------------------------------

const addressesOf = (text: string): Addresses =>
  Object.fromEntries(
    text.split(",").filter((entry) => entry.trim() !== "").map((entry) => {
      const [service, ...addresses] = entry.split(/[=\s]+/).filter((word) => word !== "")
      return [service, addresses]
    })
  )

const isInstances = (fleet: Fleet): fleet is ReadonlyArray<Instance> => Array.isArray(fleet)

const instancesOf = (fleet: Fleet): ReadonlyArray<Instance> =>
  isInstances(fleet)
    ? fleet
    : Object.entries(fleet).flatMap(([service, addresses]) =>
      addresses.map((address) =>
        new Instance({ id: address, service, version: "", address, metadata: {}, endpoints: [] })
      )
    )

const validate = (instance: Instance): Effect.Effect<Instance, RegistryError> =>
  URL.canParse(instance.address) && new URL(instance.address).hostname !== ""
    ? Effect.succeed(instance)
    : Effect.fail(
      new RegistryError({
        reason: new InvalidInstance({
          service: instance.service,
          id: instance.id,
          problem: `"${instance.address}" is not a URL with a host, such as micro://10.0.0.7:4000`
        })
      })
    )
