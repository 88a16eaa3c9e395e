/**
 * Everything that a service needs, in one layer: the defaults, each replaceable by another layer of its tag.
 *
 * Instances find each other over multicast DNS, calls go to the one that answers soonest, as JSON, over HTTP on one port,
 * and so do events. The parts are shared: services, clients and the broker of one program use one registry and one port.
 */
import * as Layer from "effect/Layer"
import type { Broker } from "../Broker.ts"
import type { Codec } from "../Codec.ts"
import type { Registry } from "../Registry.ts"
import type { Rpc } from "../Rpc.ts"
import type { Selector } from "../Selector.ts"
import type { Transport } from "../Transport.ts"
import { EjectingSelectorLive } from "./EjectingSelector.ts"
import { HttpBrokerLive } from "./HttpBroker.ts"
import { HttpTransportLive } from "./HttpTransport.ts"
import { JsonCodecLive } from "./JsonCodec.ts"
import { MdnsRegistryLive } from "./MdnsRegistry.ts"
import { NetworkRpcLive } from "./NetworkRpc.ts"
import { PeakEwmaSelectorLive } from "./PeakEwmaSelector.ts"
import { SteadyRegistryLive } from "./SteadyRegistry.ts"

// Erased: errors and needs are whatever the layers that are given have; `layer` has them in its type.
/** Layers to use instead of the defaults. Each may need what stands above it, and anything from outside. */
export interface Parts {
  /** Default `MdnsRegistryLive`. */
  readonly registry?: Layer.Layer<Registry, any, any> | undefined
  /** Default `JsonCodecLive`. */
  readonly codec?: Layer.Layer<Codec, any, any> | undefined
  /** Default `HttpTransportLive`. */
  readonly transport?: Layer.Layer<Transport, any, any> | undefined
  /** Default `PeakEwmaSelectorLive` under `EjectingSelectorLive`. May need the three above. */
  readonly selector?: Layer.Layer<Selector, any, any> | undefined
  /** Default `HttpBrokerLive`. May need the four above. */
  readonly broker?: Layer.Layer<Broker, any, any> | undefined
  /** Default `NetworkRpcLive`. May need registry, codec, transport and selector. */
  readonly rpc?: Layer.Layer<Rpc, any, any> | undefined
}

/** All that the layer gives. */
export type Micro = Rpc | Broker | Ground | Selector

/** The one that is expected to answer soonest, of those that do not fail. */
const DefaultSelector = Layer.provide(EjectingSelectorLive, PeakEwmaSelectorLive)

/**
 * The defaults, with some parts replaced.
 *
 * **Details**
 *
 * What the replaced parts fail with and need from outside is what the layer fails with and needs. Each part is built
 * once. Calls go by the registry's last good list: selector and `Rpc` have a `SteadyRegistry` between it and them.
 *
 * **Example** (A fixed port, and a list of addresses instead of multicast)
 *
 * ```ts
 * import * as HttpTransport from "effect-micro/Layers/HttpTransport"
 * import * as Micro from "effect-micro/Layers/Micro"
 * import { StaticRegistryLive } from "effect-micro/Layers/StaticRegistry"
 *
 * export const Production = Micro.layer({
 *   registry: StaticRegistryLive,
 *   transport: HttpTransport.layerConfig({ port: 4000 })
 * })
 * ```
 */
export const layer = <const P extends Parts = {}>(parts?: P): Layer.Layer<Micro, Failure<P>, Needs<P>> => {
  const ground = Layer.mergeAll(
    parts?.registry ?? MdnsRegistryLive,
    parts?.codec ?? JsonCodecLive,
    parts?.transport ?? HttpTransportLive
  )
  // Only for calls: a broker that held on to subscribers would wait for those that left.
  const steady = Layer.provide(SteadyRegistryLive, ground)
  const selector = Layer.provide(Layer.provide(parts?.selector ?? DefaultSelector, steady), ground)
  const rpc = Layer.provide(parts?.rpc ?? NetworkRpcLive, [selector, steady])
  const broker = Layer.provide(parts?.broker ?? HttpBrokerLive, selector)
  return Layer.mergeAll(rpc, broker, selector).pipe(Layer.provideMerge(ground))
}

/** Multicast DNS, whoever is expected to answer soonest and does not fail, JSON, and HTTP for calls and events. */
export const MicroLive: Layer.Layer<Micro> = layer()

// ---------------------------------------------------------------------------------------------------------------------

/** What the others stand on. */
type Ground = Registry | Codec | Transport

type Failure<P extends Parts> = P[keyof P] extends infer L ? L extends Layer.Any ? Layer.Error<L> : never : never

type NeedsOf<L> = L extends Layer.Any ? Layer.Services<L> : never

type Needs<P extends Parts> =
  | NeedsOf<P["registry"] | P["codec"] | P["transport"]>
  | Exclude<NeedsOf<P["selector"]>, Ground>
  | Exclude<NeedsOf<P["broker"] | P["rpc"]>, Ground | Selector>
