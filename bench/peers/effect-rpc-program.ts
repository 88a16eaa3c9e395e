/**
 * Effect's own RPC, with all that makes it faster: no spans, schemas compiled, modules imported one by one.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Schema from "effect/Schema"
import * as Jit from "effect/schema/SchemaJITCompiler"
import * as SchemaAST from "effect/SchemaAST"
import * as SocketServer from "effect/socket/SocketServer"
import type { Contender } from "../lib/contender.ts"
import * as Loops from "../lib/effect-loops.ts"
import { message } from "../lib/workload.ts"

const Message = Schema.Struct({ id: Schema.Number, name: Schema.String })
const Text = Schema.Struct({ id: Schema.Number, text: Schema.String })
const Bytes = Schema.Struct({ id: Schema.Number, bytes: Schema.Uint8Array })

/** What is called. */
export const Group = RpcGroup.make(
  Rpc.make("echo", { payload: Message, success: Message }),
  Rpc.make("text", { payload: Text, success: Text }),
  Rpc.make("bytes", { payload: Bytes, success: Bytes }),
  Rpc.make("range", {
    payload: { length: Schema.Number, chunked: Schema.Boolean },
    success: Message,
    stream: true
  })
)

/** What answers. */
export const Handlers = Group.toLayer({
  echo: (body) => Effect.succeed(body),
  text: (body) => Effect.succeed(body),
  bytes: (body) => Effect.succeed(body),
  range: Loops.range
})

/** No spans. */
export const tuned = { disableTracing: true }

/** The two halves, over TCP with that serialization. */
export const over = (serialization: Layer.Layer<RpcSerialization.RpcSerialization>): Contender => {
  const Serialization = Layer.effect(
    RpcSerialization.RpcSerialization,
    Effect.map(RpcSerialization.RpcSerialization, compiled)
  ).pipe(Layer.provide(serialization))
  return {
    serve: () => {
      const Server = RpcServer.layer(Group, tuned).pipe(
        Layer.provide(Handlers),
        Layer.provide(RpcServer.layerProtocolSocketServer),
        Layer.provideMerge(NodeSocketServer.layer({ host: "127.0.0.1", port: 0 })),
        Layer.provide(Serialization)
      )
      return ManagedRuntime.make(Server).runPromise(
        Effect.map(SocketServer.SocketServer, ({ address }) => portOf(address))
      )
    },
    connect: async (port) => {
      const Protocol = RpcClient.layerProtocolSocket().pipe(
        Layer.provide(NodeSocket.layerNet({ host: "127.0.0.1", port: Number(port) })),
        Layer.provide(Serialization)
      )
      const runtime = ManagedRuntime.make(
        Layer.effect(Echo, RpcClient.make(Group, tuned)).pipe(Layer.provide(Protocol))
      )
      return {
        once: () => runtime.runPromise(Effect.flatMap(Echo, (echo) => echo.echo(message(1)))),
        drive: (workload, meter) =>
          runtime.runPromise(Effect.flatMap(Echo, (echo) => Loops.drive(echo, workload, meter)))
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const portOf = (address: SocketServer.SocketServer["Service"]["address"]): string =>
  "port" in address ? String(address.port) : ""

class Echo extends Context.Service<
  Echo,
  RpcClient.RpcClient<RpcGroup.Rpcs<typeof Group>, RpcClientError>
>()("bench/peers/Echo") {}

/** With every schema compiled, both ways, before it is used. */
const compiled = (serialization: RpcSerialization.RpcSerialization["Service"]) =>
  RpcSerialization.RpcSerialization.of({
    ...serialization,
    codecFor: (schema) => {
      const codec = serialization.codecFor(schema)
      Jit.enable(codec.ast)
      Jit.enable(SchemaAST.flip(codec.ast))
      return codec
    }
  })
