/**
 * Every layer that needs nothing but this package and its own dependencies, each with its defaults.
 *
 * To import from here loads them all; a program that counts its milliseconds imports a layer by its own path. There are
 * also the options of each: `effect-micro/Layers/HttpTransport` has `layer(options)`.
 */
export { BytesCodecLive } from "./BytesCodec.ts"
export { CachedRegistryLive } from "./CachedRegistry.ts"
export { ConsulRegistryLive } from "./ConsulRegistry.ts"
export { EjectingSelectorLive } from "./EjectingSelector.ts"
export { EtcdRegistryLive } from "./EtcdRegistry.ts"
export { GossipRegistryLive } from "./GossipRegistry.ts"
export { GuidedSelectorLive } from "./GuidedSelector.ts"
export { HashSelectorLive } from "./HashSelector.ts"
export { HttpBrokerLive } from "./HttpBroker.ts"
export { HttpTransportLive } from "./HttpTransport.ts"
export { JsonCodecLive } from "./JsonCodec.ts"
export { KubernetesRegistryLive } from "./KubernetesRegistry.ts"
export { LeastLoadedSelectorLive } from "./LeastLoadedSelector.ts"
export { LocalRpcLive } from "./LocalRpc.ts"
export { MdnsRegistryLive } from "./MdnsRegistry.ts"
export { MemoryBrokerLive } from "./MemoryBroker.ts"
export { MemoryRegistryLive } from "./MemoryRegistry.ts"
export { MemoryTransportLive } from "./MemoryTransport.ts"
export { MicroLive } from "./Micro.ts"
export { NetworkRpcLive } from "./NetworkRpc.ts"
export { PeakEwmaSelectorLive } from "./PeakEwmaSelector.ts"
export { RandomSelectorLive } from "./RandomSelector.ts"
export { RoundRobinSelectorLive } from "./RoundRobinSelector.ts"
export { StaticRegistryLive } from "./StaticRegistry.ts"
export { SteadyRegistryLive } from "./SteadyRegistry.ts"
export { TextCodecLive } from "./TextCodec.ts"
export { WeightedSelectorLive } from "./WeightedSelector.ts"
