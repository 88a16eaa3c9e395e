import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import { NetworkRpcLive } from "../../src/Layers/NetworkRpc.ts"
import { ProtobufCodecLive } from "../../src/Layers/ProtobufCodec.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import { Instance, Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import { network, overHttp, registering } from "../suites/fleet.ts"
import { rpcSuite } from "../suites/rpc.ts"
import * as Peers from "./peers.ts"

/** Everybody is known to speak gRPC. */
const registry = registering((instance) =>
  new Instance({ ...instance, address: instance.address.replace("micro:", "grpc:") })
)

rpcSuite("NetworkRpc over gRPC", network({ registry }))

class Absent extends Schema.TaggedError<Absent>("Absent")("Absent", { name: Schema.String }) {}

class Greeter extends Contract.Service<Greeter>()("acme.greeter", {
  hello: Contract.method({
    payload: { name: Schema.String },
    success: Schema.Struct({ greeting: Schema.String }),
    error: Absent
  }),
  spell: Contract.method({
    payload: Contract.stream(Schema.Struct({ name: Schema.String })),
    success: Contract.stream(Schema.Struct({ letter: Schema.String })),
    error: Absent
  })
}) {}

const Server = Rpc.layerServer(Greeter, {
  hello: ({ name }) =>
    name === "" ? Effect.fail(new Absent({ name: "?" })) : Effect.succeed({ greeting: `Hi ${name}` }),
  spell: (names) =>
    Stream.flatMap(names, ({ name }) =>
      name === ""
        ? Stream.fail(new Absent({ name: "x".repeat(20_000) }))
        : Stream.fromIterable(name).pipe(Stream.map((letter) => ({ letter }))))
})

const App = Rpc.layerClient(Greeter).pipe(
  Layer.provideMerge(Server),
  Layer.provide(NetworkRpcLive),
  Layer.provide([RandomSelectorLive, ProtobufCodecLive, overHttp()]),
  Layer.provideMerge(Layer.fresh(registry))
)

describe("a contract in protobuf over gRPC", () => {
  it.live("is called by us, and fails with its own errors, however large", () =>
    Effect.gen(function*() {
      const greeter = yield* Greeter
      assert.deepStrictEqual(yield* greeter.hello({ name: "Ada" }), { greeting: "Hi Ada" })
      assert.deepStrictEqual(yield* Effect.flip(greeter.hello({ name: "" })), new Absent({ name: "?" }))
      const letters = yield* Stream.runCollect(greeter.spell(Stream.make({ name: "ab" }, { name: "c" })))
      assert.deepStrictEqual(letters.map(({ letter }) => letter).join(""), "abc")
      const failed = yield* Effect.flip(Stream.runDrain(greeter.spell(Stream.make({ name: "a" }, { name: "" }))))
      assert.deepStrictEqual(failed, new Absent({ name: "x".repeat(20_000) }))
    }).pipe(Effect.provide(App), Effect.orDie))

  it.live("is called by a client of gRPC, by the path of its printed file", () =>
    Effect.gen(function*() {
      const [instances] = yield* Stream.runCollect(Stream.take((yield* Registry).watch("acme.greeter"), 1))
      const client = yield* Peers.client(Number(new URL(instances[0].address).port))
      const reply = yield* Peers.unary(client, "/acme.greeter.Greeter/hello", Buffer.from("0a03416461", "hex"))
      assert.strictEqual(reply.toString("latin1"), "\x0a\x06Hi Ada")
      const error = yield* Effect.flip(Peers.unary(client, "/acme.greeter.Greeter/hello", Buffer.alloc(0)))
      assert.strictEqual(error.code, status.FAILED_PRECONDITION)
      const [details] = error.metadata.get("grpc-status-details-bin")
      assert.include(Buffer.from(details).toString("latin1"), "google.protobuf.BytesValue\x12\x05\x0a\x03\x0a\x01?")
      const unknown = Peers.unary(client, "/acme.greeter.Greeter/goodbye", Buffer.alloc(0))
      assert.strictEqual((yield* Effect.flip(unknown)).code, status.UNIMPLEMENTED)
    }).pipe(Effect.provide(App), Effect.orDie))
})
