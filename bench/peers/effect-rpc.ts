/**
 * Effect's own RPC over TCP: one line of JSON a message.
 */
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Program from "./effect-rpc-program.ts"

export const { connect, serve } = Program.over(RpcSerialization.layerNdjson)
