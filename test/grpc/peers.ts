/** Clients and servers of gRPC's own library for Node, as effects. */
import { Client, credentials, Metadata, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js"
import type { CallOptions, ClientDuplexStream, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { Transport } from "../../src/Transport.ts"

const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes)

/** A client of a port on the loopback interface, whose messages are bytes. */
export const client = (port: number): Effect.Effect<Client, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() =>
      new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1
      })
    ),
    (client) => Effect.sync(() => client.close())
  )

/** A unary call. Fails with what the library makes of a failure; interrupting it cancels the call. */
export const unary = (
  client: Client,
  path: string,
  message: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  options: CallOptions = {}
): Effect.Effect<Buffer, ServiceError> =>
  Effect.callback<Buffer, ServiceError>((resume) => {
    const call = client.makeUnaryRequest<Uint8Array, Buffer>(
      path,
      same,
      same,
      message,
      metadata(headers),
      options,
      (error, reply) => resume(error === null ? Effect.succeed(reply!) : Effect.fail(error))
    )
    return Effect.sync(() => call.cancel())
  })

/** A call that sends and receives many messages. */
export const bidi = (client: Client, path: string): Effect.Effect<ClientDuplexStream<Uint8Array, Buffer>> =>
  Effect.sync(() => {
    const call = client.makeBidiStreamRequest<Uint8Array, Buffer>(path, same, same)
    call.on("error", () => undefined)
    return call
  })

/** All replies of a call, or what the library makes of its failure. */
export const replies = (call: ClientDuplexStream<Uint8Array, Buffer>): Effect.Effect<Array<Buffer>, ServiceError> =>
  Effect.callback<Array<Buffer>, ServiceError>((resume) => {
    const all: Array<Buffer> = []
    call.on("data", (reply: Buffer) => all.push(reply))
    call.on("error", (error: ServiceError) => resume(Effect.fail(error)))
    call.on("status", ({ code }) => {
      if (code === 0) resume(Effect.succeed(all))
    })
  })

/** Handlers by path, each for many messages and many replies, on a free port. Returns the address to dial. */
export const serve = (
  handlers: Readonly<Record<string, UntypedServiceImplementation[string]>>,
  credentials?: ServerCredentials
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<readonly [Server, number]>((resume) => {
      const definition: Record<string, ServiceDefinition[string]> = {}
      for (const path of Object.keys(handlers)) {
        definition[path] = {
          path,
          requestStream: true,
          responseStream: true,
          requestSerialize: same,
          requestDeserialize: same,
          responseSerialize: same,
          responseDeserialize: same
        }
      }
      const server = new Server()
      server.addService(definition, { ...handlers })
      server.bindAsync("127.0.0.1:0", credentials ?? ServerCredentials.createInsecure(), (error, port) => {
        resume(error === null ? Effect.succeed([server, port] as const) : Effect.die(error))
      })
    }),
    ([server]) => Effect.sync(() => server.forceShutdown())
  ).pipe(Effect.map(([, port]) => `${credentials === undefined ? "grpc" : "grpcs"}://127.0.0.1:${port}`))

/** A transport whose ports are known as ones of gRPC. */
export const overGrpc = (options: HttpTransport.Options): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, ({ connect, listen }) =>
      Transport.of({
        connect,
        listen: (service, exchange) =>
          Effect.map(listen(service, exchange), (address) => address.replace(/^micro/, "grpc"))
      }))
  ).pipe(Layer.provide(HttpTransport.layer(options)))

const metadata = (headers: Readonly<Record<string, string>>): Metadata => {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}
