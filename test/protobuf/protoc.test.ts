import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { NetworkRpcLive } from "../../src/Layers/NetworkRpc.ts"
import * as ProtobufCodec from "../../src/Layers/ProtobufCodec.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import * as Protobuf from "../../src/Protobuf.ts"
import { Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import { succeeded } from "../suites/codec.ts"
import { overHttp } from "../suites/fleet.ts"
import * as Protoc from "./protoc.ts"

const format = ProtobufCodec.format()

class Money extends Schema.Class<Money>("Money")({ units: Schema.BigInt, currency: Schema.String }) {}

class OutOfStock extends Schema.TaggedError<OutOfStock>("acme/OutOfStock")("OutOfStock", { sku: Schema.String }) {}

interface Tree {
  readonly label: string
  readonly branches: ReadonlyArray<Tree>
}

const Tree: Schema.Codec<Tree> = Schema.Struct({
  label: Schema.String,
  branches: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
}).annotate({ identifier: "Tree" })

const Shape = Schema.TaggedUnion({ Circle: { radius: Schema.Finite }, Square: { side: Schema.Finite } })
  .annotate({ identifier: "Shape" })

const Everything = Schema.Struct({
  text: Schema.String,
  flag: Schema.Boolean,
  ratio: Schema.Number,
  whole: Schema.Int,
  small: Schema.Int.check(Schema.isBetween({ minimum: -100, maximum: 100 })),
  zigzag: Schema.Int.pipe(Protobuf.sint32),
  big: Schema.BigInt,
  huge: Schema.BigInt.pipe(Protobuf.fixed64),
  raw: Schema.Uint8Array,
  at: Schema.Date,
  took: Schema.Duration,
  level: Schema.Literals(["low", "very high"]),
  maybe: Schema.optionalKey(Schema.Int),
  nullable: Schema.NullOr(Schema.String),
  option: Schema.Option(Schema.Boolean),
  counts: Schema.Array(Schema.Int),
  names: Schema.Array(Schema.String),
  labels: Schema.Record(Schema.String, Schema.Date),
  rows: Schema.Array(Schema.Array(Schema.Number)),
  pair: Schema.Tuple([Schema.String, Schema.Int]),
  price: Money,
  shape: Shape,
  mixed: Schema.Union([Schema.String, Schema.Number]),
  tree: Tree,
  json: Schema.Json,
  unitPrice: Schema.optional(Money).pipe(Protobuf.field(100))
}).annotate({ identifier: "Everything" })

const everything: typeof Everything.Type = {
  text: "naïve 🦉",
  flag: true,
  ratio: -0.25,
  whole: -(2 ** 40),
  small: -7,
  zigzag: -3,
  big: -(2n ** 63n),
  huge: 2n ** 64n - 1n,
  raw: new Uint8Array([0, 255, 1]),
  at: new Date("1969-07-20T20:17:40.500Z"),
  took: Duration.millis(-1500),
  level: "very high",
  maybe: 0,
  nullable: "",
  option: Schema.decodeSync(Schema.OptionFromNullOr(Schema.Boolean))(false),
  counts: [1, -1, 300],
  names: ["", "b"],
  labels: { epoch: new Date(0) },
  rows: [[], [1, 2.5]],
  pair: ["left", 2],
  price: new Money({ units: 12n, currency: "EUR" }),
  shape: { _tag: "Square", side: 2 },
  mixed: 4,
  tree: { label: "root", branches: [{ label: "leaf", branches: [] }] },
  json: { list: [1, null, "x", { deep: true }] },
  unitPrice: new Money({ units: 1n, currency: "EUR" })
}

class Orders extends Contract.Service<Orders>()("acme.orders", {
  place: Contract.method({ payload: Everything, success: Schema.String, error: OutOfStock }),
  follow: Contract.method({ payload: Contract.stream(Schema.Int), success: Contract.stream(Shape) }),
  count: Contract.method({ success: Schema.Array(Schema.Int) }),
  ping: Contract.method({}),
  find: Contract.method({ payload: { level: Schema.Literals(["low", "very high"]), at: Schema.Date } })
}) {}

const coder = format.coder(Everything)

const text = `text: "naïve 🦉" flag: true ratio: -0.25 whole: -1099511627776 small: -7 zigzag: -3
  big: -9223372036854775808 huge: 18446744073709551615 raw: "\\000\\377\\001"
  at { seconds: -14182940 nanos: 500000000 } took { seconds: -1 nanos: -500000000 } level: EVERYTHING_LEVEL_VERY_HIGH
  maybe: 0 nullable: "" option: false counts: 1 counts: -1 counts: 300 names: "" names: "b"
  labels { key: "epoch" value {} } rows {} rows { value: 1 value: 2.5 } pair { item_1: "left" item_2: 2 }
  price { units: 12 currency: "EUR" } shape { square { side: 2 } } mixed { number: 4 }
  tree { label: "root" branches { label: "leaf" } }
  json { struct_value { fields { key: "list" value { list_value {
    values { number_value: 1 } values { null_value: NULL_VALUE } values { string_value: "x" }
    values { struct_value { fields { key: "deep" value { bool_value: true } } } }
  } } } } }
  unit_price { units: 1 currency: "EUR" }`

describe.skipIf(Protoc.isMissing)("a printed contract, with protoc", () => {
  it("is a file that protoc accepts", () => {
    using _ = Protoc.open(Protobuf.print(Orders))
  })

  it("writes what protoc writes, byte for byte", () => {
    using protoc = Protoc.open(Protobuf.print(Orders))
    assert.deepStrictEqual(
      Buffer.from(succeeded(coder.encode(everything))).toString("hex"),
      Buffer.from(protoc.encode("acme.orders.Everything", text)).toString("hex")
    )
  })

  it("reads what protoc writes", () => {
    using protoc = Protoc.open(Protobuf.print(Orders))
    const value = succeeded(coder.decode(protoc.encode("acme.orders.Everything", text)))
    assert.isTrue(Schema.toEquivalence(Everything)(value, everything))
  })

  it("writes what protoc reads", () => {
    using protoc = Protoc.open(Protobuf.print(Orders))
    const printed = protoc.decode("acme.orders.Everything", succeeded(coder.encode(everything)))
    for (const line of [`flag: true`, `big: -9223372036854775808`, `level: EVERYTHING_LEVEL_VERY_HIGH`, `side: 2`]) {
      assert.include(printed, line)
    }
    // A field that protoc does not know is printed by its number.
    assert.notMatch(printed, /^\s*\d+[:{ ]/m)
  })

  it("has a form that protoc knows for what is no message by itself", () => {
    using protoc = Protoc.open(Protobuf.print(Orders))
    const payload = succeeded(format.coder(Schema.Array(Schema.Int)).encode([1, 2]))
    assert.strictEqual(protoc.decode("acme.orders.CountResponse", payload), "value: 1\nvalue: 2\n")
    const empty = succeeded(format.coder(Schema.Void).encode(undefined))
    assert.strictEqual(protoc.decode("google.protobuf.Empty", empty), "")
    const word = succeeded(format.coder(Schema.String).encode("é"))
    assert.strictEqual(protoc.decode("google.protobuf.StringValue", word), `value: "\\303\\251"\n`)
  })

  it.live("is what a server speaks, with callers that have only the file", () =>
    Effect.gen(function*() {
      using protoc = Protoc.open(Protobuf.print(Orders))
      const lists = yield* Stream.runHead(
        Stream.filter((yield* Registry).watch(Orders.key), (instances) => instances.length > 0)
      )
      const address = lists._tag === "Some" ? lists.value[0].address : assert.fail("nobody answers")
      const ask = (method: string, body: Uint8Array) =>
        Effect.promise(async () => {
          const headers = { "content-type": "application/protobuf" }
          const url = `${address.replace(/^\w+:/, "http:")}/${Orders.key}/${method}`
          const response = await fetch(url, { method: "POST", headers, body: Buffer.from(body) })
          const type = response.headers.get("content-type")
          return { ok: response.ok, type, body: new Uint8Array(await response.arrayBuffer()) }
        })
      const placed = yield* ask("place", protoc.encode("acme.orders.Everything", text))
      assert.deepStrictEqual({ ...placed, body: protoc.decode("google.protobuf.StringValue", placed.body) }, {
        ok: true,
        type: "application/protobuf",
        body: `value: "very high: 1"\n`
      })
      const counts = yield* ask("count", new Uint8Array(0))
      assert.strictEqual(protoc.decode("acme.orders.CountResponse", counts.body), "value: 1\nvalue: -1\n")
    }).pipe(Effect.provide(Server)))
})

// ---------------------------------------------------------------------------------------------------------------------

const Server = Rpc.layerServer(Orders, {
  place: ({ level, tree }) => Effect.succeed(`${level}: ${tree.branches.length}`),
  follow: () => Stream.empty,
  count: () => Effect.succeed([1, -1]),
  ping: () => Effect.void,
  find: () => Effect.void
}).pipe(
  Layer.provide(NetworkRpcLive),
  Layer.provide([RandomSelectorLive, ProtobufCodec.ProtobufCodecLive, overHttp()]),
  Layer.provideMerge(MemoryRegistryLive)
)
