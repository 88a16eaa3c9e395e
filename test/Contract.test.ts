import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Contract from "../src/Contract.ts"

class Orders extends Contract.Service<Orders>()("acme.orders", {
  ping: Contract.method({}),
  place: Contract.method({ payload: { sku: Schema.String }, success: Schema.String }),
  follow: Contract.method({ payload: Schema.String, success: Contract.stream(Schema.Int), idempotent: true }),
  quote: Contract.method({ payload: Contract.stream(Schema.String), endpoint: "Pricing.Quote" })
}, { version: "1.2.0" }) {}

describe("a contract", () => {
  it("is named as the network calls it, and says its version", () => {
    assert.strictEqual(Orders.key, "acme.orders")
    assert.strictEqual(Orders.version, "1.2.0")
    assert.strictEqual(Contract.Service<object>()("bare", {}).version, "latest")
  })

  it.effect("is the tag of its own client", () =>
    Effect.gen(function*() {
      const orders = yield* Orders
      assert.strictEqual(yield* orders.place({ sku: "pen" }), "one pen")
    }).pipe(
      Effect.provideService(Orders, {
        ...({} as typeof Orders.Service),
        place: ({ sku }) => Effect.succeed(`one ${sku}`)
      })
    ))

  it("cannot be called where nobody provides it", () => {
    const unprovided = Effect.flatMap(Orders, (orders) => orders.ping()) as Effect.Effect<void>
    assert.throws(() => Effect.runSync(unprovided), /acme\.orders/)
  })
})

describe("a method", () => {
  it("takes nothing, gives nothing and never fails, unless it says so", () => {
    const { error, idempotent, payload, success } = Orders.methods.ping
    assert.strictEqual(payload, Schema.Void)
    assert.strictEqual(success, Schema.Void)
    assert.strictEqual(error, Schema.Never)
    assert.isFalse(idempotent)
  })

  it("takes the fields of a struct for the struct", () => {
    const decode = Schema.decodeUnknownSync(Orders.methods.place.payload)
    assert.deepStrictEqual(decode({ sku: "pen" }), { sku: "pen" })
    assert.throws(() => decode({ sku: 1 }))
  })

  it("takes a payload of no fields for an empty struct, and not for nothing", () => {
    const { payload } = Contract.method({ payload: {} })
    assert.deepStrictEqual(Schema.decodeUnknownSync(payload)({}), {})
  })

  it("says which of its sides are many messages", () => {
    assert.isFalse(Contract.isStreamed(Orders.methods.follow.payload))
    assert.isTrue(Contract.isStreamed(Orders.methods.follow.success))
    assert.isTrue(Contract.isStreamed(Orders.methods.quote.payload))
    assert.strictEqual(Orders.methods.follow.success.schema, Schema.Int)
  })

  it.each([
    ["orders", "place", "Orders.place"],
    ["acme.orders", "place", "Orders.place"],
    ["go.micro.srv.Greeter", "Say", "Greeter.Say"],
    ["", "place", ".place"]
  ])("of %s named %s is %s on the wire", (service, name, endpoint) => {
    assert.strictEqual(Contract.endpoint(service, name, Orders.methods.ping), endpoint)
  })

  it("is on the wire what it says it is, whatever the service", () => {
    assert.strictEqual(Contract.endpoint("acme.orders", "quote", Orders.methods.quote), "Pricing.Quote")
  })
})

it.effect("a test double is a layer", () =>
  Effect.gen(function*() {
    const Greeter = Contract.Service<"Greeter">()("greeter", { hello: Contract.method({ success: Schema.String }) })
    const double = Layer.succeed(Greeter, { hello: () => Effect.succeed("hello") })
    const said = yield* Effect.provide(Effect.flatMap(Greeter, (greeter) => greeter.hello()), double)
    assert.strictEqual(said, "hello")
  }))
