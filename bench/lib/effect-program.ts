/**
 * A service and its callers, written as a user would.
 */
import * as Contract from "effect-micro/Contract"
import * as HttpTransport from "effect-micro/Layers/HttpTransport"
import { JsonCodecLive } from "effect-micro/Layers/JsonCodec"
import { NetworkRpcLive } from "effect-micro/Layers/NetworkRpc"
import { RandomSelectorLive } from "effect-micro/Layers/RandomSelector"
import * as StaticRegistry from "effect-micro/Layers/StaticRegistry"
import { Registry } from "effect-micro/Registry"
import * as Rpc from "effect-micro/Rpc"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Client, Discovery } from "./contender.ts"
import type { Meter } from "./meter.ts"
import { message, type Workload } from "./workload.ts"

const Message = Schema.Struct({ id: Schema.Number, name: Schema.String })

class Echo extends Contract.Service<Echo>()("echo", {
  echo: Contract.method({ payload: Message, success: Message, idempotent: true }),
  range: Contract.method({
    payload: { length: Schema.Number, chunked: Schema.Boolean },
    success: Contract.stream(Message)
  }),
  pong: Contract.method({ payload: Contract.stream(Message), success: Contract.stream(Message) })
}) {}

/** Starts the service; gives its address. */
export const serve = async (discovery: Discovery): Promise<string> => {
  const registry = await registryOf(discovery, {})
  const runtime = ManagedRuntime.make(
    EchoServer.pipe(Layer.provide(network(discovery)), Layer.provideMerge(registry))
  )
  return runtime.runPromise(address)
}

/** Finds the service, by its address or over multicast DNS. */
export const connect = async (address: string, discovery: Discovery): Promise<Client> => {
  const registry = await registryOf(discovery, { echo: [address] })
  const runtime = ManagedRuntime.make(
    Rpc.layerClient(Echo).pipe(Layer.provide(network(discovery)), Layer.provide(registry))
  )
  return {
    once: () => runtime.runPromise(Effect.flatMap(Echo, (echo) => echo.echo(message(1)))),
    drive: (workload, meter) => runtime.runPromise(drive(workload, meter))
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const EchoServer = Rpc.layerServer(Echo, {
  echo: (body) => Effect.succeed(body),
  range: ({ chunked, length }) => {
    const messages = Stream.map(Stream.range(0, length - 1), message)
    return chunked ? messages : Stream.rechunk(messages, 1)
  },
  pong: (messages) => messages
})

/** What multicast DNS tells must be an address of the network, not the loopback's. */
const network = (discovery: Discovery) =>
  NetworkRpcLive.pipe(
    Layer.provide([
      JsonCodecLive,
      RandomSelectorLive,
      HttpTransport.layer(discovery === "static" ? { host: "127.0.0.1" } : undefined)
    ])
  )

/** What is not used is not loaded, so that a start is that of the parts which are. */
const registryOf = async (discovery: Discovery, fleet: StaticRegistry.Addresses) =>
  discovery === "static"
    ? StaticRegistry.layer(fleet)
    : (await import("effect-micro/Layers/MdnsRegistry")).MdnsRegistryLive

const address = Effect.gen(function*() {
  const registry = yield* Registry
  const instances = yield* registry.watch("echo").pipe(
    Stream.filter((list) => list.length > 0),
    Stream.runHead
  )
  return Option.getOrThrow(instances)[0].address
})

const drive = (workload: Workload, meter: Meter) =>
  Effect.gen(function*() {
    const echo = yield* Echo
    const loop = workload.kind === "unary"
      ? echoes(echo, meter)
      : workload.kind === "stream"
      ? ranges(echo, workload, meter)
      : pings(echo, meter)
    yield* Effect.all(Array.from({ length: workload.callers }, () => loop), { concurrency: "unbounded", discard: true })
  })

const echoes = (echo: Echo["Service"], meter: Meter) =>
  Effect.gen(function*() {
    let at = performance.now()
    for (let n = 0; !meter.stopped(); n++) {
      yield* echo.echo(message(n))
      at = meter.answered(at)
    }
  })

const ranges = (echo: Echo["Service"], { chunked, length }: Workload & { kind: "stream" }, meter: Meter) =>
  Effect.gen(function*() {
    while (!meter.stopped()) {
      yield* Stream.runForEachArray(
        echo.range({ length, chunked }),
        (messages) => Effect.sync(() => meter.received(messages.length))
      )
    }
  })

const pings = (echo: Echo["Service"], meter: Meter) =>
  Effect.gen(function*() {
    const next = yield* Queue.bounded<typeof Message.Type, Cause.Done>(1)
    let at = performance.now()
    let n = 0
    yield* Queue.offer(next, message(n))
    yield* Stream.runForEach(echo.pong(Stream.fromQueue(next)), () => {
      at = meter.answered(at)
      return meter.stopped() ? Queue.end(next) : Queue.offer(next, message(++n))
    })
  })
