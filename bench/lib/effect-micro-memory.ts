/**
 * effect-micro within one process, but for the socket as between two: chosen, written, read and checked.
 */
import { JsonCodecLive } from "effect-micro/Layers/JsonCodec"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import { MemoryTransportLive } from "effect-micro/Layers/MemoryTransport"
import { NetworkRpcLive } from "effect-micro/Layers/NetworkRpc"
import { RandomSelectorLive } from "effect-micro/Layers/RandomSelector"
import * as Rpc from "effect-micro/Rpc"
import * as Layer from "effect/Layer"
import * as Program from "./effect-program.ts"

/** Nobody answers there. */
export const serve = (): Promise<string> => Promise.resolve("here")

/** Both halves. */
export const connect = () =>
  Promise.resolve(Program.client(
    Layer.merge(Rpc.layerClient(Program.Echo), Program.EchoServer).pipe(
      Layer.provide(NetworkRpcLive),
      Layer.provide([JsonCodecLive, RandomSelectorLive, MemoryTransportLive]),
      Layer.provide(MemoryRegistryLive)
    )
  ))
