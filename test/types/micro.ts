/** What the defaults need and fail with once parts of them are replaced. Checked by the compiler alone. */
import type * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Broker } from "../../src/Broker.ts"
import type { Codec } from "../../src/Codec.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { MemoryBrokerLive } from "../../src/Layers/MemoryBroker.ts"
import * as Micro from "../../src/Layers/Micro.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import { StaticRegistryLive } from "../../src/Layers/StaticRegistry.ts"
import type { Registry, RegistryError } from "../../src/Registry.ts"
import type { Rpc } from "../../src/Rpc.ts"
import * as Selector from "../../src/Selector.ts"
import type { Transport } from "../../src/Transport.ts"

class Zone extends Context.Service<Zone, string>()("Zone") {}

const Zoned = Layer.unwrap(
  Effect.map(Zone, (zone) => Selector.filter(({ metadata }) => metadata["zone"] === zone))
).pipe(Layer.provide(RandomSelectorLive))

type All = Rpc | Broker | Codec | Registry | Selector.Selector | Transport

export const defaults: Layer.Layer<All> = Micro.MicroLive

export const none: Layer.Layer<All> = Micro.layer({})

export const undefinedParts: Layer.Layer<All> = Micro.layer({ registry: undefined, rpc: undefined })

export const safe: Layer.Layer<All> = Micro.layer({ selector: RandomSelectorLive, broker: MemoryBrokerLive })

export const failing: Layer.Layer<All, RegistryError | Config.ConfigError> = Micro.layer({
  registry: StaticRegistryLive,
  transport: HttpTransport.layerConfig()
})

export const needing: Layer.Layer<All, never, Zone> = Micro.layer({ selector: Zoned })

// @ts-expect-error the failure of a part is a failure of the whole
export const unsaid: Layer.Layer<All> = Micro.layer({ registry: StaticRegistryLive })

// @ts-expect-error so is a need that no other part meets
export const unmet: Layer.Layer<All> = Micro.layer({ selector: Zoned })

// @ts-expect-error a registry is no selector
export const mistaken = Micro.layer({ selector: StaticRegistryLive })

// @ts-expect-error no registry is built on the selector that is built on it
export const circular: Layer.Layer<All> = Micro.layer({
  registry: Layer.unwrap(Effect.map(Selector.Selector, () => StaticRegistryLive)).pipe(Layer.orDie)
})
