/**
 * effect-micro within one process: a call is a call of the handler.
 */
import { LocalRpcLive } from "effect-micro/Layers/LocalRpc"
import * as Rpc from "effect-micro/Rpc"
import * as Layer from "effect/Layer"
import * as Program from "./effect-program.ts"

/** Nobody answers there. */
export const serve = (): Promise<string> => Promise.resolve("here")

/** Both halves. */
export const connect = () =>
  Promise.resolve(Program.client(
    Layer.merge(Rpc.layerClient(Program.Echo), Program.EchoServer).pipe(Layer.provide(LocalRpcLive))
  ))
