/**
 * The network of the examples that are processes: the defaults, in an mDNS domain that the environment may name. Each
 * instance tells which process it is.
 */
import * as MdnsRegistry from "effect-micro/Layers/MdnsRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import * as NetworkRpc from "effect-micro/Layers/NetworkRpc"
import * as Config from "effect/Config"

export const Network = Micro.layer({
  registry: MdnsRegistry.layerConfig({ domain: Config.String("MICRO_DOMAIN").pipe(Config.withDefault("micro")) }),
  rpc: NetworkRpc.layer({ metadata: { pid: String(process.pid) } })
})
