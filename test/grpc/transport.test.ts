import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { Transport } from "../../src/Transport.ts"
import { transportSuite } from "../suites/transport.ts"

/** The same port, dialled as one of gRPC. */
const overGrpc = Layer.effect(
  Transport,
  Effect.map(Transport, (transport) =>
    Transport.of({
      connect: transport.connect,
      listen: (service, exchange) =>
        Effect.map(transport.listen(service, exchange), (address) => address.replace(/^micro:/, "grpc:"))
    }))
).pipe(Layer.provide(HttpTransport.layer({ host: "127.0.0.1" })))

transportSuite("gRPC", overGrpc)
