/**
 * Effect's own RPC over TCP: Schema's binary form.
 */
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Program from "./effect-rpc-program.ts"

export const { connect, serve } = Program.over(RpcSerialization.layerSchemaBinary())
