/** Contracts, described to who has no file of them. */
import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import * as GrpcReflection from "../../src/Layers/GrpcReflection.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import * as Micro from "../../src/Layers/Micro.ts"
import { ProtobufCodecLive } from "../../src/Layers/ProtobufCodec.ts"
import * as Protobuf from "../../src/Protobuf.ts"
import * as Rpc from "../../src/Rpc.ts"
import { Transport } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import * as Peers from "./peers.ts"
import * as Programs from "./programs.ts"

const Line = Schema.Struct({ sku: Schema.String, count: Schema.Int.pipe(Protobuf.uint32) }).annotate({
  identifier: "Line"
})

class Absent extends Schema.TaggedError<Absent>("Absent")("Absent", { sku: Schema.String }) {}

/** One of each kind of field and method that a file can have. */
class Orders extends Contract.Service<Orders>()("acme.orders", {
  place: Contract.method({
    payload: {
      lines: Schema.Array(Line),
      note: Schema.optionalKey(Schema.String),
      labels: Schema.Record(Schema.String, Schema.Int),
      due: Schema.DateTimeUtc,
      way: Schema.Literals(["post", "bike"]),
      anything: Schema.Json
    },
    success: Schema.Struct({ number: Schema.Int, way: Schema.String, note: Schema.String }),
    error: Absent
  }),
  follow: Contract.method({
    payload: Contract.stream(Line),
    success: Contract.stream(Schema.Union([Schema.String, Schema.Int]))
  })
}) {}

/** The port of a server of orders that is described. */
const served = Effect.gen(function*() {
  const server = Rpc.layerServer(Orders, {
    place: ({ lines, note, way }) => Effect.succeed({ number: lines.length, note: note ?? "none", way }),
    follow: (lines) => Stream.map(lines, ({ sku }) => sku)
  })
  const micro = Micro.layer({
    codec: ProtobufCodecLive,
    registry: Layer.fresh(MemoryRegistryLive),
    transport: HttpTransport.layer({ host: "127.0.0.1" })
  })
  const built = yield* Layer.build(Layer.merge(server, GrpcReflection.layer(Orders)).pipe(Layer.provideMerge(micro)))
  // The port is the one that all services share.
  const address = yield* Context.get(built, Transport).listen("other", Exchanges.echo)
  return Number(new URL(address).port)
})

const field = (number: number, text: string) =>
  Buffer.concat([Buffer.from([number << 3 | 2, text.length]), Buffer.from(text)])

describe("server reflection", () => {
  it.live.each(["v1", "v1alpha"])(
    "answers each question of a call, of the version %s",
    (version) =>
      Effect.gen(function*() {
        const client = yield* Peers.client(yield* served)
        const call = yield* Peers.bidi(client, `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`)
        const questions = [
          field(7, ""),
          field(4, "acme.orders.Orders.place"),
          field(3, "google/protobuf/duration.proto"),
          field(4, "acme.orders.Strange"),
          field(6, "acme.orders.Line"),
          Buffer.alloc(0)
        ]
        for (const question of questions) call.write(question)
        call.end()
        const answers = (yield* Peers.replies(call)).map((reply) => reply.toString("latin1"))
        for (const [index, question] of questions.entries()) {
          assert.include(answers[index], question.toString("latin1"))
        }
        assert.include(answers[0], "acme.orders.Orders")
        for (const word of ["PlaceRequest", "LabelsEntry", "follow", "google.protobuf.Timestamp", "proto3"]) {
          assert.include(answers[1], word)
        }
        assert.include(answers[2], "seconds")
        assert.include(answers[3], `\x08${String.fromCharCode(status.NOT_FOUND)}`)
        assert.include(answers[4], `\x08${String.fromCharCode(status.NOT_FOUND)}`)
        assert.include(answers[5], `\x08${String.fromCharCode(status.UNIMPLEMENTED)}`)
      })
  )

  it.live("refuses what is no question", () =>
    Effect.gen(function*() {
      const client = yield* Peers.client(yield* served)
      const ask = (method: string, message: Uint8Array) =>
        Effect.map(
          Effect.flip(Peers.unary(client, `/grpc.reflection.v1.ServerReflection/${method}`, message)),
          ({ code }) => status[code]
        )
      assert.strictEqual(yield* ask("ServerReflectionInfo", Buffer.from("07", "hex")), "INVALID_ARGUMENT")
      assert.strictEqual(yield* ask("Other", Buffer.alloc(0)), "UNIMPLEMENTED")
    }))
})

describe.skipIf(Programs.isMissing("grpcurl"))(`grpcurl${Programs.note("grpcurl")}`, () => {
  const ask = (port: number, ...words: ReadonlyArray<string>) =>
    Programs.run("grpcurl", ["-plaintext", ...words.slice(0, -1), `127.0.0.1:${port}`, ...words.slice(-1)])

  it.live("lists and describes what is here", () =>
    Effect.gen(function*() {
      const port = yield* served
      const list = yield* Programs.run("grpcurl", ["-plaintext", `127.0.0.1:${port}`, "list"])
      assert.deepStrictEqual(list, { code: 0, output: "acme.orders.Orders\n" })
      const describe = (symbol: string) =>
        Effect.map(
          Programs.run("grpcurl", ["-plaintext", `127.0.0.1:${port}`, "describe", symbol]),
          ({ output }) => output
        )
      const service = yield* describe("acme.orders.Orders")
      assert.include(service, "rpc follow ( stream .acme.orders.Line ) returns ( stream .acme.orders.FollowResponse );")
      const request = yield* describe("acme.orders.PlaceRequest")
      const lines = [
        "repeated .acme.orders.Line lines = 1;",
        "optional string note = 2;",
        "map<string, int64> labels = 3;",
        ".google.protobuf.Timestamp due = 4;",
        ".google.protobuf.Value anything = 6;"
      ]
      for (const line of lines) assert.include(request, line)
      assert.include(yield* describe("acme.orders.FollowResponse"), "oneof choice {")
      assert.include(yield* describe("google.protobuf.Value"), "oneof kind {")
    }))

  it.live("calls without a file", () =>
    Effect.gen(function*() {
      const port = yield* served
      const place = JSON.stringify({
        lines: [{ sku: "pen", count: 1 }, { sku: "ink", count: 2 }],
        note: "hi",
        labels: { a: 1 },
        due: "2026-01-02T03:04:05Z",
        way: 2,
        anything: { deep: [1, "two", null, { true: true }] }
      })
      const placed = yield* ask(port, "-d", place, "acme.orders.Orders/place")
      assert.strictEqual(placed.code, 0, placed.output)
      assert.deepStrictEqual(JSON.parse(placed.output), { number: "2", note: "hi", way: "bike" })
      const followed = yield* ask(port, "-d", "{\"sku\":\"pen\"} {\"sku\":\"ink\"}", "acme.orders.Orders/follow")
      assert.strictEqual(followed.code, 0, followed.output)
      assert.match(followed.output, /"pen"[^]*"ink"/)
      const absent = yield* ask(port, "acme.orders.Orders/strange")
      assert.notStrictEqual(absent.code, 0)
    }))
})
