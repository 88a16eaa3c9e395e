/** What must compile, and what must not, of contracts, handlers and clients. Checked by the compiler alone. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import * as Rpc from "../../src/Rpc.ts"
import type { RpcError } from "../../src/RpcError.ts"

class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { sku: Schema.String }) {}
class Undeclared extends Schema.TaggedError<Undeclared>()("Undeclared", {}) {}
class Prices extends Context.Service<Prices, { readonly of: (sku: string) => Effect.Effect<number> }>()("Prices") {}

class Currency extends Context.Service<Currency, number>()("Currency") {}

class Orders extends Contract.Service<Orders>()("orders", {
  ping: Contract.method({}),
  place: Contract.method({
    payload: { sku: Schema.String, count: Schema.Int },
    success: Schema.String,
    error: OutOfStock
  }),
  follow: Contract.method({ payload: Schema.String, success: Contract.stream(Schema.Int) }),
  upload: Contract.method({ payload: Contract.stream(Schema.String), success: Schema.Int }),
  quotes: Contract.method({ payload: Contract.stream(Schema.String), success: Contract.stream(Schema.Int) })
}) {}

const handlers = {
  ping: () => Effect.void,
  place: (order: { readonly sku: string; readonly count: number }) => Effect.succeed(`${order.count} x ${order.sku}`),
  follow: () => Stream.make(1, 2),
  upload: (skus: Stream.Stream<string, RpcError>) => Stream.runCount(skus),
  quotes: (skus: Stream.Stream<string, RpcError>) => Stream.map(skus, (sku) => sku.length)
}

const equal = <A>() => <B>(..._: [A] extends [B] ? [B] extends [A] ? [] : ["not equal"] : ["not equal"]) => undefined

// The client: typed by the contract, and nothing is needed to call it but the tag.
export const calls = Effect.gen(function*() {
  const orders = yield* Orders
  yield* orders.ping()
  const receipt = orders.place({ sku: "pen", count: 1 })
  equal<typeof receipt>()<Effect.Effect<string, OutOfStock | RpcError>>()
  const prices = orders.quotes(Stream.make("pen"))
  equal<typeof prices>()<Stream.Stream<number, RpcError>>()
  // @ts-expect-error the payload lacks a field
  yield* orders.place({ sku: "pen" })
  // @ts-expect-error the payload's field has another type
  yield* orders.place({ sku: "pen", count: "1" })
  // @ts-expect-error no such method
  yield* orders.cancel()
})

// Only what may run twice can be sent twice.
Contract.method({ idempotent: true, hedge: "p95" })
// @ts-expect-error the method is not idempotent
Contract.method({ hedge: "p95" })
// @ts-expect-error neither is this one
Contract.method({ idempotent: false, hedge: "10 millis" })

// The handlers: what they need is demanded of the layer.
const plain = Rpc.layerServer(Orders, handlers)
equal<Layer.Services<typeof plain>>()<Rpc.Rpc>()
const priced = Rpc.layerServer(Orders, {
  ...handlers,
  place: (order) => Effect.flatMap(Prices, (prices) => Effect.map(prices.of(order.sku), (price) => `${price}`))
})
equal<Layer.Services<typeof priced>>()<Rpc.Rpc | Prices>()
const streamed = Rpc.layerServer(Orders, {
  ...handlers,
  follow: (sku) => Stream.fromEffect(Effect.flatMap(Prices, (prices) => prices.of(sku)))
})
equal<Layer.Services<typeof streamed>>()<Rpc.Rpc | Prices>()
const built = Rpc.layerServer(Orders, Effect.map(Prices, () => handlers))
equal<Layer.Services<typeof built>>()<Rpc.Rpc | Prices>()
const client = Rpc.layerClient(Orders)
equal<typeof client>()<Layer.Layer<Orders, never, Rpc.Rpc>>()

// A client is a record of handlers: a proxy is one line.
export const proxy = Rpc.layerServer(Orders, Orders)
equal<Layer.Services<typeof proxy>>()<Rpc.Rpc | Orders>()

// And a test double is a layer.
export const double: Layer.Layer<Orders> = Layer.succeed(Orders, handlers)

// @ts-expect-error a missing handler
Rpc.layerServer(Orders, { ...handlers, place: undefined })
// @ts-expect-error a handler left out
Rpc.layerServer(Orders, {
  ping: handlers.ping,
  place: handlers.place,
  follow: handlers.follow,
  upload: handlers.upload
})
// @ts-expect-error a wrong success
Rpc.layerServer(Orders, { ...handlers, place: () => Effect.succeed(1) })
// @ts-expect-error an undeclared error
Rpc.layerServer(Orders, { ...handlers, place: () => Effect.fail(new Undeclared()) })
// @ts-expect-error an undeclared error in a stream
Rpc.layerServer(Orders, { ...handlers, follow: () => Stream.fail(new Undeclared()) })
// @ts-expect-error an effect where a stream is due
Rpc.layerServer(Orders, { ...handlers, follow: () => Effect.succeed(1) })

// @ts-expect-error the layer of the client still needs an Rpc
export const unprovided: Effect.Effect<void, unknown> = Effect.provide(calls, client)

// A method's schemas need no services.
const Needy = Schema.String.pipe(Schema.decodeTo(Schema.String, {} as never)) as unknown as Schema.Codec<
  string,
  string,
  Prices
>
// @ts-expect-error a schema that needs a service to cross the wire
Contract.method({ success: Needy })

// What a handler needs, the layer needs: without it there is nothing to run.
// @ts-expect-error the server still needs Prices
export const needy: Layer.Layer<never, Rpc.ServeError, Rpc.Rpc> = priced
export const provided: Layer.Layer<never, Rpc.ServeError, Rpc.Rpc> = Layer.provide(
  priced,
  Layer.succeed(Prices, { of: () => Effect.succeed(1) })
)
// @ts-expect-error the Rpc is not there yet
export const launched: Effect.Effect<never, Rpc.ServeError> = Layer.launch(provided)

// A reason is caught by its name; what is left of the errors is known.
const place = Effect.flatMap(Orders, (orders) => orders.place({ sku: "pen", count: 1 }))
const busy = place.pipe(Effect.catchReason("RpcError", "Overloaded", ({ retryAfter }) => Effect.succeed(retryAfter)))
equal<typeof busy>()<Effect.Effect<string | number | undefined, OutOfStock | RpcError, Orders>>()
const settled = place.pipe(
  Effect.catchTags({
    OutOfStock: ({ sku }) => Effect.succeed(sku),
    RpcError: ({ reason }) => Effect.succeed(reason.service)
  })
)
equal<typeof settled>()<Effect.Effect<string, never, Orders>>()
// @ts-expect-error there is no such reason
place.pipe(Effect.catchReason("RpcError", "Overload", () => Effect.void))

// A service that is made for each call is one need less, and making it is another.
const perCall = Rpc.provideServiceEffect(
  Orders,
  {
    ...handlers,
    place: (order) => Effect.flatMap(Prices, (prices) => Effect.map(prices.of(order.sku), (price) => `${price}`)),
    follow: (sku) => Stream.fromEffect(Effect.flatMap(Prices, (prices) => prices.of(sku)))
  },
  Prices,
  Effect.map(Currency, (currency) => ({ of: () => Effect.succeed(currency) }))
)
const perCallServer = Rpc.layerServer(Orders, perCall)
equal<Layer.Services<typeof perCallServer>>()<Rpc.Rpc | Currency>()
const failing = Rpc.provideServiceEffect(Orders, handlers, Prices, Effect.fail(new Undeclared()))
// @ts-expect-error making it fails with an error that no method declares
Rpc.layerServer(Orders, failing)

// Deadlines and metadata change nothing about a call's type.
const bounded = place.pipe(Rpc.withTimeout("1 second"), Rpc.withHeaders({ "x-tenant": "acme" }))
equal<typeof bounded>()<typeof place>()
