/** The laws of an `Rpc`: the same program gives the same answers, whatever lies between caller and handler. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as RpcError from "../../src/RpcError.ts"

export class OutOfStock extends Schema.TaggedError<OutOfStock>("OutOfStock")("OutOfStock", {
  sku: Schema.String,
  left: Schema.Int
}) {}

export class Receipt extends Schema.Class<Receipt>("Receipt")({
  sku: Schema.String,
  placed: Schema.Date,
  total: Schema.BigInt
}) {
  get label(): string {
    return `${this.total} for ${this.sku}`
  }
}

/** A contract with a method of each kind. */
export class Shop extends Contract.Service<Shop>()("acme.shop", {
  ping: Contract.method({}),
  place: Contract.method({ payload: { sku: Schema.String, count: Schema.Int }, success: Receipt, error: OutOfStock }),
  follow: Contract.method({ payload: Schema.Int, success: Contract.stream(Schema.Int), error: OutOfStock }),
  total: Contract.method({ payload: Contract.stream(Schema.Int), success: Schema.Int, error: OutOfStock }),
  quote: Contract.method({ payload: Contract.stream(Schema.String), success: Contract.stream(Receipt) })
}) {}

export type Handlers<R = never> = Contract.Procedures<typeof Shop["methods"], R>

const placed = new Date("2026-02-03T04:05:06.789Z")

const receipt = (sku: string, count: number) => new Receipt({ sku, placed, total: BigInt(count) * 10n ** 20n })

/** Handlers that do what their names say; a law replaces the ones it is about. */
export const handlers: Handlers = {
  ping: () => Effect.void,
  place: ({ count, sku }) =>
    count > 9 ? Effect.fail(new OutOfStock({ sku, left: 9 })) : Effect.succeed(receipt(sku, count)),
  follow: (count) => Stream.range(1, count),
  total: (numbers) => Stream.runFold(numbers, () => 0, (sum, number) => sum + number),
  quote: (skus) => Stream.map(skus, (sku) => receipt(sku, 1))
}

/** From handlers to a client of theirs. */
export type Road = (handlers: Handlers) => Layer.Layer<Shop, unknown>

/** Which kinds of call a road can carry. */
export type Kinds = "every kind" | "unary"

/** The client of handlers at the other end of a road, until the scope closes. */
const open = (road: Road) => (changed?: Partial<Handlers>): Effect.Effect<Handlers, never, Scope.Scope> =>
  Effect.map(Effect.orDie(Layer.build(road({ ...handlers, ...changed }))), (context) => Context.get(context, Shop))

type Open = ReturnType<typeof open>

/** A client and its handlers over one `Rpc`. */
const over = (rpc: Layer.Layer<Rpc.Rpc, unknown>): Road => (handlers) =>
  Layer.merge(Rpc.layerServer(Shop, handlers), Rpc.layerClient(Shop)).pipe(Layer.provide(rpc))

/** Proves that a program gets the right answers over a road. */
export const programSuite = (name: string, road: Road, kinds: Kinds = "every kind"): void => {
  describe(`a program over ${name}`, () => {
    const client = open(road)
    unaryLaws(client)
    if (kinds === "unary") return
    streamLaws(client)
    inputLaws(client)
  })
}

/** Proves that a layer is an `Rpc`. Each build of it is a network of its own. */
export const rpcSuite = (name: string, rpc: Layer.Layer<Rpc.Rpc, unknown>, kinds: Kinds = "every kind"): void => {
  programSuite(name, over(rpc), kinds)
  describe(`${name} is an Rpc`, () => {
    const client = open(over(rpc))
    defectLaws(client)
    metadataLaws(client, rpc)
    deadlineLaws(client)
    if (kinds === "unary") return
    proxyLaws(rpc)
    streamedLaws(client)
  })
}

// ---------------------------------------------------------------------------------------------------------------------

const law = (sentence: string, proof: Effect.Effect<void, unknown, Scope.Scope>): void => it.live(sentence, () => proof)

/** The reason of a call that must fail with an `RpcError`. */
export const reasonOf = <A, E>(call: Effect.Effect<A, E>): Effect.Effect<RpcError.Reason> =>
  Effect.map(Effect.flip(call), (error) => {
    if (error instanceof RpcError.RpcError) return error.reason
    throw error
  }).pipe(Effect.catch((value) => Effect.die(new Error(`the call succeeded with ${String(value)}`))))

/** A handler that does not end, and what can be known of it. */
export const makeHang = Effect.gen(function*() {
  const started = yield* Deferred.make<void>()
  const interrupted = yield* Deferred.make<void>()
  const hang = Effect.andThen(Deferred.succeed(started, undefined), Effect.never).pipe(
    Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
  )
  return { hang, started: Deferred.await(started), interrupted: Deferred.await(interrupted) }
})

const unaryLaws = (client: Open): void => {
  law(
    "carries nothing in and nothing out",
    Effect.gen(function*() {
      const shop = yield* client()
      assert.isUndefined(yield* shop.ping())
    })
  )

  law(
    "gives a value of a class as an instance of it",
    Effect.gen(function*() {
      const shop = yield* client()
      const bought = yield* shop.place({ sku: "pen", count: 3 })
      assert.instanceOf(bought, Receipt)
      assert.deepStrictEqual(bought.placed, placed)
      assert.strictEqual(bought.label, "300000000000000000000 for pen")
    })
  )

  law(
    "gives a declared error as an instance of the contract's own class",
    Effect.gen(function*() {
      const shop = yield* client()
      const error = yield* Effect.flip(shop.place({ sku: "ink", count: 10 }))
      assert.instanceOf(error, OutOfStock)
      assert.deepInclude(error, { sku: "ink", left: 9 })
      const left = yield* shop.place({ sku: "ink", count: 10 }).pipe(
        Effect.as(-1),
        Effect.catchTag("OutOfStock", ({ left }) => Effect.succeed(left))
      )
      assert.strictEqual(left, 9)
    })
  )

  law(
    "carries many calls at once, and gives each its own answer",
    Effect.gen(function*() {
      const shop = yield* client({
        place: ({ count, sku }) => Effect.as(count % 2 === 0 ? Effect.yieldNow : Effect.void, receipt(sku, count))
      })
      const counts = Array.from({ length: 200 }, (_, index) => index)
      const receipts = yield* Effect.forEach(
        counts,
        (count) => shop.place({ sku: `${count}`, count }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(receipts.map(({ sku }) => Number(sku)), counts)
    })
  )

  law(
    "interrupts the handler with the caller, and runs its finalizers",
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      const shop = yield* client({ ping: () => hang })
      const calling = yield* Effect.forkChild(shop.ping())
      yield* started
      yield* Fiber.interrupt(calling)
      yield* interrupted
    })
  )
}

const streamLaws = (client: Open): void => {
  law(
    "carries a stream of nothing",
    Effect.gen(function*() {
      const shop = yield* client({ follow: () => Stream.empty })
      assert.deepStrictEqual(yield* Stream.runCollect(shop.follow(0)), [])
    })
  )

  law(
    "carries a long stream, in order",
    Effect.gen(function*() {
      const shop = yield* client()
      const sum = yield* Stream.runFold(shop.follow(50_000), () => ({ count: 0, ordered: true }), (seen, number) => ({
        count: seen.count + 1,
        ordered: seen.ordered && number === seen.count + 1
      }))
      assert.deepStrictEqual(sum, { count: 50_000, ordered: true })
    })
  )

  law(
    "carries chunks of any size",
    Effect.gen(function*() {
      const sizes = [1, 1000, 2, 5000, 1]
      const chunks = sizes.map((size, chunk) => Array.from({ length: size }, (_, index) => chunk * 10_000 + index))
      const shop = yield* client({
        follow: () => Stream.fromIterable(chunks).pipe(Stream.flatMap(Stream.fromIterable))
      })
      assert.deepStrictEqual(yield* Stream.runCollect(shop.follow(0)), chunks.flat())
    })
  )

  law(
    "ends a stream with a declared error, after the values before it",
    Effect.gen(function*() {
      const shop = yield* client({
        follow: () => Stream.concat(Stream.make(1, 2, 3), Stream.fail(new OutOfStock({ sku: "ink", left: 0 })))
      })
      const seen: Array<number> = []
      const error = yield* shop.follow(0).pipe(
        Stream.runForEach((number) => Effect.sync(() => seen.push(number))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, [1, 2, 3])
      assert.instanceOf(error, OutOfStock)
      assert.deepInclude(error, { sku: "ink", left: 0 })
    })
  )

  law(
    "ends the handler of an endless stream once enough has been taken",
    Effect.gen(function*() {
      const ended = yield* Deferred.make<void>()
      const shop = yield* client({
        follow: () =>
          Stream.iterate(1, (number) => number + 1).pipe(
            Stream.ensuring(Deferred.succeed(ended, undefined))
          )
      })
      assert.deepStrictEqual(yield* shop.follow(0).pipe(Stream.take(5), Stream.runCollect), [1, 2, 3, 4, 5])
      yield* Deferred.await(ended)
    })
  )

  law(
    "gives each value of a stream when it comes, not at the end",
    Effect.gen(function*() {
      const source = yield* Queue.unbounded<number>()
      const shop = yield* client({ follow: () => Stream.fromQueue(source) })
      const seen = yield* Queue.unbounded<number>()
      yield* Effect.forkScoped(Stream.runForEach(shop.follow(0), (number) => Queue.offer(seen, number)))
      for (const number of [1, 2, 3]) {
        yield* Queue.offer(source, number)
        assert.strictEqual(yield* Queue.take(seen), number)
      }
    })
  )

  law(
    "interrupts the handler of a stream that waits, and runs its finalizers",
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      const shop = yield* client({ follow: () => Stream.fromEffect(hang) })
      const calling = yield* Effect.forkChild(Stream.runDrain(shop.follow(0)))
      yield* started
      yield* Fiber.interrupt(calling)
      yield* interrupted
    })
  )

  law(
    "calls again each time that a stream is run",
    Effect.gen(function*() {
      let calls = 0
      const shop = yield* client({ follow: () => Stream.sync(() => ++calls) })
      const stream = shop.follow(0)
      assert.strictEqual(calls, 0)
      assert.deepStrictEqual(yield* Stream.runCollect(stream), [1])
      assert.deepStrictEqual(yield* Stream.runCollect(stream), [2])
    })
  )
}

const inputLaws = (client: Open): void => {
  law(
    "carries a stream in and one answer out",
    Effect.gen(function*() {
      const shop = yield* client()
      assert.strictEqual(yield* shop.total(Stream.empty), 0)
      assert.strictEqual(yield* shop.total(Stream.range(1, 20_000)), 200_010_000)
    })
  )

  law(
    "fails with a declared error for a stream of input",
    Effect.gen(function*() {
      const shop = yield* client({
        total: (numbers) =>
          Stream.runForEach(
            numbers,
            (left) => left > 2 ? Effect.fail(new OutOfStock({ sku: "ink", left })) : Effect.void
          )
            .pipe(Effect.as(0))
      })
      const error = yield* Effect.flip(shop.total(Stream.range(1, 5)))
      assert.instanceOf(error, OutOfStock)
      assert.deepInclude(error, { left: 3 })
    })
  )

  law(
    "lets both sides take turns",
    Effect.gen(function*() {
      const shop = yield* client()
      const asked = yield* Queue.unbounded<string>()
      const told = yield* Queue.unbounded<string>()
      yield* Effect.forkScoped(
        Stream.runForEach(shop.quote(Stream.fromQueue(asked)), ({ label }) => Queue.offer(told, label))
      )
      for (const sku of ["pen", "ink", "nib"]) {
        yield* Queue.offer(asked, sku)
        assert.strictEqual(yield* Queue.take(told), `100000000000000000000 for ${sku}`)
      }
    })
  )

  law(
    "answers before the input has ended, and lets go of it",
    Effect.gen(function*() {
      const released = yield* Deferred.make<void>()
      const shop = yield* client({ total: (numbers) => Effect.map(Stream.runHead(numbers), Option.getOrThrow) })
      const endless = Stream.concat(Stream.make(7), Stream.never).pipe(
        Stream.ensuring(Deferred.succeed(released, undefined))
      )
      assert.strictEqual(yield* shop.total(endless), 7)
      yield* Deferred.await(released)
    })
  )

  law(
    "interrupts the handler that still reads with the caller",
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      const shop = yield* client({
        total: (numbers) =>
          Stream.runForEach(numbers, () => Deferred.succeed(started, undefined)).pipe(
            Effect.as(0),
            Effect.onInterrupt(() => Deferred.succeed(ended, undefined))
          )
      })
      const calling = yield* Effect.forkChild(shop.total(Stream.concat(Stream.make(1), Stream.never)))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(calling)
      yield* Deferred.await(ended)
    })
  )

  law(
    "fails a call whose input fails with that failure",
    Effect.gen(function*() {
      const shop = yield* client()
      const why = RpcError.make("Overloaded", { service: "elsewhere", method: "numbers" })
      const error = yield* Effect.flip(shop.total(Stream.concat(Stream.make(1, 2), Stream.fail(why))))
      assert.strictEqual(error, why)
    })
  )
}

const defectLaws = (client: Open): void => {
  law(
    "tells of a handler that died, with its message",
    Effect.gen(function*() {
      const shop = yield* client({ ping: () => Effect.die(new Error("out of ink")) })
      const reason = yield* reasonOf(shop.ping())
      assert.strictEqual(reason._tag, "RemoteDefect")
      assert.include(reason.message, "out of ink")
      assert.include(reason.message, "acme.shop")
    })
  )

  law(
    "tells of a handler that threw",
    Effect.gen(function*() {
      const shop = yield* client({
        ping: () => {
          throw new Error("thrown")
        }
      })
      const reason = yield* reasonOf(shop.ping())
      assert.strictEqual(reason._tag, "RemoteDefect")
      assert.include(reason.message, "thrown")
    })
  )

  law(
    "tells of a handler that interrupted itself, and leaves the caller alone",
    Effect.gen(function*() {
      const shop = yield* client({ ping: () => Effect.interrupt })
      assert.strictEqual((yield* reasonOf(shop.ping()))._tag, "RemoteDefect")
    })
  )

  law(
    "takes what a handler's own call met for the handler's own defect, so that nobody repeats it",
    Effect.gen(function*() {
      const elsewhere = { service: "elsewhere", method: "other" }
      for (const tag of ["Unreachable", "Disconnected", "Overloaded", "Unimplemented", "RemoteDefect"] as const) {
        let ran = 0
        const shop = yield* client({
          ping: () => Effect.andThen(Effect.sync(() => ran++), RpcError.fail(tag, elsewhere))
        })
        const reason = yield* reasonOf(shop.ping())
        assert.strictEqual(reason._tag, "RemoteDefect", tag)
        assert.include(reason.message, "elsewhere/other", tag)
        assert.strictEqual(ran, 1, tag)
      }
    })
  )

  law(
    "passes on that a handler ran out of time or was sent nonsense",
    Effect.gen(function*() {
      for (const tag of ["DeadlineExceeded", "Malformed"] as const) {
        const shop = yield* client({ ping: () => RpcError.fail(tag, { service: "elsewhere", method: "other" }) })
        assert.strictEqual((yield* reasonOf(shop.ping()))._tag, tag)
      }
    })
  )

  law(
    "goes on answering after a handler died",
    Effect.gen(function*() {
      let calls = 0
      const shop = yield* client({ ping: () => calls++ === 0 ? Effect.die("once") : Effect.void })
      assert.strictEqual((yield* reasonOf(shop.ping()))._tag, "RemoteDefect")
      yield* shop.ping()
    })
  )
}

const streamedLaws = (client: Open): void => {
  law(
    "tells of a handler that died in the middle of a stream, after the values before it",
    Effect.gen(function*() {
      const shop = yield* client({
        follow: () => Stream.concat(Stream.make(1, 2), Stream.die(new Error("out of ink")))
      })
      const seen: Array<number> = []
      const reason = yield* reasonOf(
        Stream.runForEach(shop.follow(0), (number) => Effect.sync(() => seen.push(number)))
      )
      assert.deepStrictEqual(seen, [1, 2])
      assert.strictEqual(reason._tag, "RemoteDefect")
      assert.include(reason.message, "out of ink")
    })
  )

  law(
    "gives handlers nothing of the deadline that the server was started with",
    Effect.gen(function*() {
      const told = yield* Deferred.make<number | undefined>()
      const tell = Effect.flatMap(Rpc.CurrentDeadline, (deadline) => Deferred.succeed(told, deadline))
      const shop = yield* Rpc.withTimeout(client({ follow: () => Stream.drain(Stream.fromEffect(tell)) }), "1 hour")
      yield* Stream.runDrain(shop.follow(0))
      assert.isUndefined(yield* Deferred.await(told))
    })
  )

  law(
    "passes the metadata of a stream on to nobody, and runs the caller's own stream as the caller's",
    Effect.gen(function*() {
      const token = Effect.map(Rpc.CurrentHeaders, (headers) => headers["x-token"] ?? "none")
      const shop = yield* client({
        quote: (skus) => Stream.mapEffect(skus, (sku) => Effect.map(token, (own) => receipt(`${sku}, ${own}`, 1)))
      })
      const quotes = shop.quote(Stream.fromEffect(token)).pipe(Stream.map(({ sku }) => sku), Stream.runCollect)
      assert.deepStrictEqual(yield* Rpc.withHeaders(quotes, { "x-token": "secret" }), ["secret, none"])
    })
  )

  law(
    "tells of a handler that threw instead of giving a stream",
    Effect.gen(function*() {
      const shop = yield* client({
        follow: () => {
          throw new Error("thrown")
        }
      })
      assert.strictEqual((yield* reasonOf(Stream.runDrain(shop.follow(0))))._tag, "RemoteDefect")
    })
  )
}

/** What the handlers of a law need. */
class Prices
  extends Context.Service<Prices, { readonly of: (sku: string) => Effect.Effect<number> }>()("test/Prices")
{}

const metadataLaws = (client: Open, rpc: Layer.Layer<Rpc.Rpc, unknown>): void => {
  law(
    "tells the handler of its call: names in lower case, the inner value over the outer",
    Effect.gen(function*() {
      const told = yield* Deferred.make<unknown>()
      const shop = yield* client({
        ping: () => Effect.flatMap(Rpc.CurrentCall, (call) => Deferred.succeed(told, call))
      })
      yield* shop.ping().pipe(
        Rpc.withHeaders({ "X-Tenant": "inner" }),
        Rpc.withHeaders({ "x-tenant": "outer", "x-city": "Zürich" })
      )
      const call = (yield* Deferred.await(told)) as typeof Rpc.CurrentCall.Service
      assert.strictEqual(call?.service, "acme.shop")
      assert.strictEqual(call?.method, "Shop.ping")
      assert.deepInclude(call?.headers, { "x-tenant": "inner", "x-city": "Zürich" })
    })
  )

  law(
    "passes the metadata of a call on to nobody",
    Effect.gen(function*() {
      const told = yield* Deferred.make<Readonly<Record<string, string>>>()
      const shop = yield* client({
        ping: () => Effect.flatMap(Rpc.CurrentHeaders, (headers) => Deferred.succeed(told, headers))
      })
      yield* Rpc.withHeaders(shop.ping(), { "x-token": "secret" })
      assert.notProperty(yield* Deferred.await(told), "x-token")
    })
  )

  law(
    "gives handlers what they need from their own layer, and not from the caller",
    Effect.gen(function*() {
      const priced: Handlers<Prices> = {
        ...handlers,
        place: ({ sku }) =>
          Effect.flatMap(Prices, (prices) => Effect.map(prices.of(sku), (count) => receipt(sku, count)))
      }
      const prices = (price: number) => Prices.of({ of: () => Effect.succeed(price) })
      const layer = Layer.merge(
        Layer.provide(Rpc.layerServer(Shop, priced), Layer.succeed(Prices, prices(5))),
        Rpc.layerClient(Shop)
      ).pipe(Layer.provide(rpc))
      const shop = Context.get(yield* Layer.build(layer), Shop)
      const { total } = yield* Effect.provideService(shop.place({ sku: "pen", count: 1 }), Prices, prices(7))
      assert.strictEqual(total, 5n * 10n ** 20n)
    })
  )
}

const deadlineLaws = (client: Open): void => {
  law(
    "fails a call that takes longer than it may, and interrupts the handler",
    Effect.gen(function*() {
      const { hang, interrupted } = yield* makeHang
      const shop = yield* client({ ping: () => hang })
      // With a connection at hand the time is not up before there is a handler, as it may be while one is dialled.
      yield* shop.place({ sku: "pen", count: 1 })
      const reason = yield* reasonOf(Rpc.withTimeout(shop.ping(), "50 millis"))
      assert.strictEqual(reason._tag, "DeadlineExceeded")
      yield* interrupted
    })
  )

  law(
    "runs no handler for a call whose time was up before it was made",
    Effect.gen(function*() {
      let ran = 0
      const shop = yield* client({ ping: () => Effect.sync(() => ran++) })
      yield* shop.ping()
      for (const allowed of ["0 millis", "-1 seconds"] as const) {
        assert.strictEqual((yield* reasonOf(Rpc.withTimeout(shop.ping(), allowed)))._tag, "DeadlineExceeded")
      }
      assert.strictEqual(ran, 1)
    })
  )

  law(
    "tells the handler what is left of the time",
    Effect.gen(function*() {
      const told = yield* Deferred.make<number | undefined>()
      const shop = yield* client({
        ping: () => Effect.flatMap(Rpc.CurrentCall, (call) => Deferred.succeed(told, call?.timeout))
      })
      yield* shop.ping().pipe(Rpc.withTimeout("1 hour"), Rpc.withTimeout("2 minutes"), Rpc.withTimeout("3 minutes"))
      const left = yield* Deferred.await(told)
      assert.isAtMost(left!, 120_000)
      assert.isAtLeast(left!, 90_000)
    })
  )
}

const proxyLaws = (rpc: Layer.Layer<Rpc.Rpc, unknown>): void => {
  law(
    "stands between two fleets as a proxy of one line",
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      const behind = over(Layer.fresh(rpc))({
        ...handlers,
        ping: () => hang,
        follow: (count) => Stream.concat(handlers.follow(count), Stream.fail(new OutOfStock({ sku: "ink", left: 1 })))
      })
      const front = Layer.provide(Rpc.layerServer(Shop, Shop), behind)
      const before = Layer.merge(front, Rpc.layerClient(Shop)).pipe(Layer.provide(Layer.fresh(rpc)))
      const shop = Context.get(yield* Layer.build(before), Shop)

      assert.instanceOf(yield* shop.place({ sku: "pen", count: 1 }), Receipt)
      assert.instanceOf(yield* Effect.flip(shop.place({ sku: "pen", count: 10 })), OutOfStock)
      assert.strictEqual(yield* shop.total(Stream.range(1, 4)), 10)
      const labels = yield* shop.quote(Stream.make("pen", "ink")).pipe(Stream.map(({ sku }) => sku), Stream.runCollect)
      assert.deepStrictEqual(labels, ["pen", "ink"])
      const exit = yield* Effect.exit(Stream.runCollect(shop.follow(3)))
      assert.instanceOf(Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined, OutOfStock)
      const calling = yield* Effect.forkChild(shop.ping())
      yield* started
      yield* Fiber.interrupt(calling)
      yield* interrupted
    })
  )
}
