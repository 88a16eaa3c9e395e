/**
 * Microservices for Effect: discovery, client-side balancing, codecs, RPC with streaming both ways, and pub/sub.
 *
 * These are the tags and what belongs to them. Layers are imported by their own paths (`effect-micro/Layers/…`), so that
 * nobody loads what they do not use.
 */
export * as Broker from "./Broker.ts"
export * as BrokerError from "./BrokerError.ts"
export * as Codec from "./Codec.ts"
export * as Contract from "./Contract.ts"
export * as Message from "./Message.ts"
export * as Registry from "./Registry.ts"
export * as Rpc from "./Rpc.ts"
export * as RpcError from "./RpcError.ts"
export * as Selector from "./Selector.ts"
export * as Transport from "./Transport.ts"
