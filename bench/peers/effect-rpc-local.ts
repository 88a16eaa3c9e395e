/**
 * Effect's own RPC within one process, without serialization and spans.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as RpcClient from "effect/rpc/RpcClient"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import type { Client } from "../lib/contender.ts"
import * as Loops from "../lib/effect-loops.ts"
import { message } from "../lib/workload.ts"
import { Group, Handlers, tuned } from "./effect-rpc-program.ts"

/** Nobody answers there. */
export const serve = (): Promise<string> => Promise.resolve("here")

/** Both halves. */
export const connect = (): Promise<Client> => {
  const runtime = ManagedRuntime.make(Layer.effect(Echo, local).pipe(Layer.provide(Handlers)))
  return Promise.resolve({
    once: () => runtime.runPromise(Effect.flatMap(Echo, (echo) => echo.echo(message(1)))),
    drive: (workload, meter) => runtime.runPromise(Effect.flatMap(Echo, (echo) => Loops.drive(echo, workload, meter)))
  })
}

// ---------------------------------------------------------------------------------------------------------------------

class Echo extends Context.Service<Echo, RpcClient.RpcClient<RpcGroup.Rpcs<typeof Group>>>()("bench/peers/LocalEcho") {}

/** Each half writes to the other, so that one of them must be named before it is there. */
const local = Effect.gen(function*() {
  let toClient: (response: never) => Effect.Effect<void> = () => Effect.void
  const server = yield* RpcServer.makeNoSerialization(Group, {
    ...tuned,
    onFromServer: (response) => toClient(response as never)
  })
  const { client, write } = yield* RpcClient.makeNoSerialization(Group, {
    ...tuned,
    supportsAck: true,
    onFromClient: ({ message }) => server.write(0, message)
  })
  toClient = write
  return client
})
