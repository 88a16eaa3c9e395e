/**
 * Tells clients of gRPC what the services here can be asked, so that they need no `.proto` file.
 *
 * Server reflection is a service like any other: it listens on the transport, beside those that it describes.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Descriptor from "../internal/grpc/reflection/descriptor.ts"
import * as Exchange from "../internal/grpc/reflection/exchange.ts"
import * as Standard from "../internal/grpc/reflection/standard.ts"
import * as Outline from "../internal/protobuf/outline.ts"
import type { AnyContract } from "../Protobuf.ts"
import { Transport, type TransportError } from "../Transport.ts"

/**
 * Describes contracts, as `Protobuf.print` prints them, by server reflection of the versions `v1` and `v1alpha`.
 *
 * **Details**
 *
 * Needs the transport on which the contracts are answered, the same one and not another of its kind. Dies where a schema
 * has no form in protobuf. A contract is described whether or not it is served.
 *
 * **Example** (With the defaults)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Schema from "effect/Schema"
 * import * as Contract from "effect-micro/Contract"
 * import * as GrpcReflection from "effect-micro/Layers/GrpcReflection"
 * import * as Micro from "effect-micro/Layers/Micro"
 * import * as ProtobufCodec from "effect-micro/Layers/ProtobufCodec"
 * import * as Rpc from "effect-micro/Rpc"
 *
 * class Greeter extends Contract.Service<Greeter>()("acme.greeter", {
 *   hello: Contract.method({ payload: { name: Schema.String }, success: Schema.String })
 * }) {}
 *
 * export const Server = Rpc.layerServer(Greeter, { hello: ({ name }) => Effect.succeed(`Hello, ${name}`) }).pipe(
 *   Layer.merge(GrpcReflection.layer(Greeter)),
 *   Layer.provide(Micro.layer({ codec: ProtobufCodec.ProtobufCodecLive }))
 * )
 * ```
 */
export const layer = (...contracts: ReadonlyArray<AnyContract>): Layer.Layer<never, TransportError, Transport> =>
  Layer.effectDiscard(
    Effect.gen(function*() {
      const { listen } = yield* Transport
      const described = contracts.map((contract) => Descriptor.ofOutline(Outline.ofContract(contract)))
      const exchange = Exchange.make([...described, ...Standard.files])
      for (const service of Exchange.services) yield* listen(service, exchange)
    })
  )
