import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../src/Contract.ts"
import { MemoryTransportLive } from "../src/Layers/MemoryTransport.ts"
import { Instance, Registry } from "../src/Registry.ts"
import * as Rpc from "../src/Rpc.ts"
import { type Call, isFailure, layerWrap, type Middleware, Transport } from "../src/Transport.ts"
import {
  client,
  deadAddress,
  FirstSelector,
  inMemory,
  knowing,
  makeRegistry,
  network,
  overHttp,
  type Parts,
  registering,
  relay,
  serve
} from "./suites/fleet.ts"
import { type Handlers, handlers, makeHang, reasonOf, rpcSuite, Shop } from "./suites/rpc.ts"

rpcSuite("NetworkRpc over memory", inMemory())
rpcSuite("NetworkRpc over frames", network())
rpcSuite(
  "NetworkRpc over plain HTTP",
  network({
    registry: registering((instance) =>
      new Instance({ ...instance, address: instance.address.replace("micro:", "http:") })
    )
  }),
  "unary"
)

/** What an exchange says to bytes that no client of ours would send. */
const raw = (call: Partial<Call>, message: string) =>
  Effect.gen(function*() {
    const transport = Context.get(yield* Layer.build(overHttp()), Transport)
    const { address } = yield* serve(Shop, handlers)
    const connection = yield* transport.connect(address)
    const reply = yield* connection.unary(
      { service: Shop.key, method: "Shop.place", contentType: "application/json", headers: {}, ...call },
      new TextEncoder().encode(message)
    )
    if (!isFailure(reply)) return assert.fail("the call succeeded")
    return { status: reply.status, text: new TextDecoder().decode(reply.body) }
  })

describe("a call that is not understood", () => {
  it.live("is Malformed where the payload is no JSON", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* raw({}, "{\"sku\":")).status, "Malformed")
    }))

  it.live("is Malformed where the payload breaks its schema, and says where", () =>
    Effect.gen(function*() {
      const { status, text } = yield* raw({}, "{\"sku\":\"pen\",\"count\":1.5}")
      assert.strictEqual(status, "Malformed")
      assert.include(text, "count")
    }))

  it.live("is Malformed where the content type is not spoken, and says what is", () =>
    Effect.gen(function*() {
      const { status, text } = yield* raw({ contentType: "application/x-runes" }, "ᚠ")
      assert.strictEqual(status, "Malformed")
      assert.include(text, "application/x-runes")
      assert.include(text, "application/json")
    }))

  it.live("is Unimplemented where the method is not known", () =>
    Effect.gen(function*() {
      const { status, text } = yield* raw({ method: "Shop.close" }, "{}")
      assert.strictEqual(status, "Unimplemented")
      assert.include(text, "Shop.close")
    }))

  it.live("never leaves the client where the payload breaks its schema", () =>
    Effect.gen(function*() {
      let ran = 0
      const sent = Effect.sync(() => ran++)
      const registry = Layer.succeed(Registry, yield* makeRegistry)
      yield* serve(Shop, {
        ...handlers,
        place: (order) => Effect.andThen(sent, handlers.place(order)),
        follow: (count) => Stream.concat(Stream.fromEffect(sent), handlers.follow(count))
      }, { registry })
      const shop = yield* client(Shop, { registry })
      for (
        const call of [
          shop.place({ sku: "pen", count: 1.5 }),
          Stream.runDrain(shop.follow("many" as never)),
          shop.total(Stream.make(1, 0.5))
        ]
      ) {
        const reason = yield* reasonOf<unknown, unknown>(call)
        assert.strictEqual(reason._tag, "Malformed")
        assert.include(reason.message, Shop.key)
      }
      assert.strictEqual(ran, 0)
    }))
})

describe("the road to an instance", () => {
  it.live("is Unreachable where nobody is registered", () =>
    Effect.gen(function*() {
      const shop = yield* client(Shop)
      for (const call of [shop.ping(), Stream.runDrain(shop.follow(1)), shop.total(Stream.make(1))]) {
        const reason = yield* reasonOf<unknown, unknown>(call)
        assert.strictEqual(reason._tag, "Unreachable")
        assert.include(reason.message, "No instance of acme.shop")
      }
    }))

  it.live("fails no call where one of two instances is dead", () =>
    Effect.gen(function*() {
      const { address } = yield* serve(Shop, handlers)
      const shop = yield* client(Shop, { registry: knowing(Shop.key, deadAddress, address) })
      const call = shop.place({ sku: "pen", count: 1 })
      yield* Effect.all(Array.from({ length: 1000 }, () => call), { concurrency: 16 })
    }))

  it.live("is tried a bounded number of times where everybody is dead", () =>
    Effect.gen(function*() {
      for (const [instances, attempts] of [[1, 4], [3, 6], [26, 16]] as const) {
        const { connects, transport } = counted()
        const dead = Array.from({ length: instances }, (_, index) => `memory://nobody/${index}`)
        const shop = yield* client(Shop, { registry: knowing(Shop.key, ...dead), transport })
        assert.strictEqual((yield* reasonOf(shop.ping()))._tag, "Unreachable")
        assert.strictEqual(connects(), attempts)
        assert.strictEqual((yield* reasonOf(Stream.runDrain(shop.follow(1))))._tag, "Unreachable")
        // Who could not be reached a moment ago is dialled by a call that comes back to it, and else may be left alone.
        assert.isAbove(connects(), attempts)
        assert.isAtMost(connects(), 2 * attempts)
      }
    }))

  it.live("leaves an instance that takes its leave, for every kind of call", () =>
    Effect.gen(function*() {
      const { shop, took } = yield* leaving
      yield* shop.place({ sku: "pen", count: 1 })
      assert.deepStrictEqual(yield* Stream.runCollect(shop.follow(3)), [1, 2, 3])
      assert.strictEqual(yield* shop.total(Stream.range(1, 100)), 5050)
      const skus = yield* shop.quote(Stream.make("pen", "ink")).pipe(Stream.map(({ sku }) => sku), Stream.runCollect)
      assert.deepStrictEqual(skus, ["pen", "ink"])
      assert.strictEqual(took(), 4)
    }))

  it.live("asks for the input of a call that was refused just once", () =>
    Effect.gen(function*() {
      const { shop } = yield* leaving
      let starts = 0
      const numbers = Stream.suspend(() => {
        starts++
        return Stream.range(1, 10)
      })
      assert.strictEqual(yield* shop.total(numbers), 55)
      assert.strictEqual(starts, 1)
    }))

  it.live("leads from an instance that is too old to one that knows the method", () =>
    Effect.gen(function*() {
      class Old extends Contract.Service<Old>()("acme.shop", { ping: Contract.method({}) }) {}
      const old = yield* serve(Old, { ping: () => Effect.void })
      const young = yield* serve(Shop, handlers)
      const registry = knowing(Shop.key, old.address, young.address)
      const shop = yield* client(Shop, { registry, selector: FirstSelector })
      yield* shop.place({ sku: "pen", count: 1 })
      assert.deepStrictEqual(yield* Stream.runCollect(shop.follow(2)), [1, 2])
    }))

  it.live("ends as Unimplemented where everybody is too old, and asks nobody twice", () =>
    Effect.gen(function*() {
      class Old extends Contract.Service<Old>()("acme.shop", { ping: Contract.method({}) }) {}
      let asked = 0
      const counting: Middleware = (next) => ({
        unary: (call, message) => Effect.suspend(() => (asked++, next.unary(call, message))),
        stream: (call, messages) => Stream.suspend(() => (asked++, next.stream(call, messages)))
      })
      const transport = layerWrap({ client: counting }).pipe(Layer.provide(overHttp()))
      const [first, second] = yield* Effect.all([
        serve(Old, { ping: () => Effect.void }),
        serve(Old, { ping: () => Effect.void })
      ])
      const shop = yield* client(Shop, { registry: knowing(Shop.key, first.address, second.address), transport })
      assert.strictEqual((yield* reasonOf(shop.place({ sku: "pen", count: 1 })))._tag, "Unimplemented")
      assert.strictEqual(asked, 2)
      assert.strictEqual((yield* reasonOf(Stream.runDrain(shop.follow(1))))._tag, "Unimplemented")
      assert.strictEqual(asked, 4)
    }))
})

it.live("a message that is too large is Malformed, and costs neither the connection nor the stream beside it", () =>
  Effect.gen(function*() {
    const { connects, transport } = counted(overHttp({ maxMessage: 1000 }))
    const { address } = yield* serve(Shop, handlers)
    const shop = yield* client(Shop, { registry: knowing(Shop.key, address), transport })
    const told = yield* Queue.unbounded<string>()
    const asked = yield* Queue.unbounded<string>()
    const quoting = Stream.runForEach(shop.quote(Stream.fromQueue(asked)), ({ sku }) => Queue.offer(told, sku))
    yield* Effect.forkScoped(quoting)
    const ask = Effect.andThen(Queue.offer(asked, "pen"), Queue.take(told))
    yield* ask
    const large = "x".repeat(2000)
    for (const call of [shop.place({ sku: large, count: 1 }), Stream.runDrain(shop.quote(Stream.make(large)))]) {
      const reason = yield* reasonOf<unknown, unknown>(call)
      assert.strictEqual(reason._tag, "Malformed")
      assert.include(reason.message, "1000")
    }
    yield* shop.place({ sku: "pen", count: 1 })
    yield* ask
    assert.strictEqual(connects(), 1)
  }))

describe("a connection that breaks", () => {
  class Wired extends Contract.Service<Wired>()("wired", {
    place: Contract.method({ success: Schema.Int }),
    look: Contract.method({ success: Schema.Int, idempotent: true }),
    follow: Contract.method({ success: Contract.stream(Schema.Int), idempotent: true }),
    total: Contract.method({ payload: Contract.stream(Schema.Int), success: Schema.Int, idempotent: true })
  }) {}

  /** A client behind a wire, which the first call of `place` and of `look` cuts. */
  const behindWire = Effect.gen(function*() {
    const ran = { place: 0, look: 0, follow: 0 }
    let cut = Effect.void
    const breaking = (method: "place" | "look") =>
      Effect.suspend(() => ++ran[method] === 1 ? Effect.andThen(cut, Effect.never) : Effect.succeed(ran[method]))
    const { address } = yield* serve(Wired, {
      place: () => breaking("place"),
      look: () => breaking("look"),
      follow: () => Stream.concat(Stream.sync(() => ++ran.follow), Stream.never),
      total: (numbers) => Effect.andThen(Stream.runForEach(numbers, () => cut), Effect.never)
    })
    const wire = yield* relay(address)
    cut = wire.cut
    return { calls: yield* client(Wired, { registry: knowing(Wired.key, wire.address) }), cut, ran }
  })

  it.live("is Disconnected, and the call has run once", () =>
    Effect.gen(function*() {
      const { calls, ran } = yield* behindWire
      assert.strictEqual((yield* reasonOf(calls.place()))._tag, "Disconnected")
      assert.strictEqual(ran.place, 1)
    }))

  it.live("does no harm to a call that may be repeated", () =>
    Effect.gen(function*() {
      const { calls, ran } = yield* behindWire
      assert.strictEqual(yield* calls.look(), 2)
      assert.strictEqual(ran.look, 2)
    }))

  it.live("ends a stream that has begun, even one that may be repeated", () =>
    Effect.gen(function*() {
      const { calls, cut, ran } = yield* behindWire
      const following = Stream.runForEach(calls.follow(), () => cut)
      assert.strictEqual((yield* reasonOf(following))._tag, "Disconnected")
      assert.strictEqual(ran.follow, 1)
    }))

  it.live("ends a call whose input has begun, even one that may be repeated", () =>
    Effect.gen(function*() {
      const { calls } = yield* behindWire
      let starts = 0
      const numbers = Stream.suspend(() => (starts++, Stream.concat(Stream.make(1), Stream.never)))
      assert.strictEqual((yield* reasonOf(calls.total(numbers)))._tag, "Disconnected")
      assert.strictEqual(starts, 1)
    }))

  it.live("is dialled again by the next call", () =>
    Effect.gen(function*() {
      const { calls } = yield* behindWire
      assert.strictEqual((yield* reasonOf(calls.place()))._tag, "Disconnected")
      assert.strictEqual(yield* calls.place(), 2)
    }))
})

describe("the time that a call has", () => {
  it.effect("is 5 seconds, where nobody said", () =>
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      const shop = yield* pair({ ping: () => hang })
      const calling = yield* Effect.forkChild(reasonOf(shop.ping()))
      yield* started
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(calling.pollUnsafe())
      yield* TestClock.adjust("10 millis")
      assert.strictEqual((yield* Fiber.join(calling))._tag, "DeadlineExceeded")
      yield* interrupted
    }))

  it.effect("is as the options say", () =>
    Effect.gen(function*() {
      const { hang, started } = yield* makeHang
      const shop = yield* pair({ ping: () => hang }, { options: { timeout: "2 minutes" } })
      const calling = yield* Effect.forkChild(reasonOf(shop.ping()))
      yield* started
      yield* TestClock.adjust("119 seconds")
      assert.isUndefined(calling.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(calling))._tag, "DeadlineExceeded")
    }))

  it.effect("is without end for a stream, where nobody said", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<number>()
      const shop = yield* pair({ follow: () => Stream.concat(Stream.make(1), Stream.fromEffect(Deferred.await(gate))) })
      const first = yield* Deferred.make<void>()
      const calling = shop.follow(0).pipe(
        Stream.tap(() => Deferred.succeed(first, undefined)),
        Stream.runCollect
      )
      const running = yield* Effect.forkChild(calling)
      yield* Deferred.await(first)
      yield* TestClock.adjust("1 day")
      yield* Deferred.succeed(gate, 2)
      assert.deepStrictEqual(yield* Fiber.join(running), [1, 2])
    }))

  it.effect("ends a stream, where somebody said", () =>
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      const shop = yield* pair({ follow: () => Stream.fromEffect(hang) })
      const following = Rpc.withTimeout(Stream.runDrain(shop.follow(0)), "1 second")
      const calling = yield* Effect.forkChild(reasonOf(following))
      yield* started
      yield* TestClock.adjust("1010 millis")
      assert.strictEqual((yield* Fiber.join(calling))._tag, "DeadlineExceeded")
      yield* interrupted
    }))

  it.effect("grows less with every hop", () =>
    Effect.gen(function*() {
      const left: Array<number | undefined> = []
      const hops = ["a", "b", "c"].map((name) =>
        class extends Contract.Service<object>()(name, { go: Contract.method({}) }) {}
      )
      const rpc = yield* Layer.build(inMemory())
      const arrived = yield* Queue.unbounded<void>()
      for (const [index, hop] of hops.entries()) {
        const further = index + 1 < hops.length
          ? yield* Effect.provideContext(Effect.flatMap(Rpc.Rpc, (rpc) => rpc.client(hops[index + 1])), rpc)
          : { go: () => Effect.void }
        const go = () =>
          Effect.gen(function*() {
            left.push((yield* Rpc.CurrentCall)?.timeout)
            yield* Queue.offer(arrived, undefined)
            yield* Effect.sleep("1 second")
            yield* further.go()
          })
        yield* Layer.build(Layer.provide(Rpc.layerServer(hop, { go }), Layer.succeedContext(rpc)))
      }
      const first = yield* Effect.provideContext(Effect.flatMap(Rpc.Rpc, (rpc) => rpc.client(hops[0])), rpc)
      const calling = yield* Effect.forkChild(Rpc.withTimeout(first.go(), "10 seconds"))
      for (const _ of hops) {
        yield* Queue.take(arrived)
        yield* TestClock.adjust("1 second")
      }
      yield* Fiber.join(calling)
      assert.deepStrictEqual(left, [10_000, 9000, 8000])
    }))

  it.effect("is up before anything is sent, where none was left", () =>
    Effect.gen(function*() {
      let ran = 0
      const count = Effect.sync(() => ran++)
      const shop = yield* pair({
        ping: () => count,
        follow: () => Stream.fromEffect(count),
        total: () => count
      })
      for (const [warm, allowed] of [[false, "0 millis"], [true, "0 millis"], [true, "-1 seconds"]] as const) {
        if (warm) yield* shop.ping()
        ran = 0
        for (const call of [shop.ping(), Stream.runDrain(shop.follow(1)), shop.total(Stream.make(1))]) {
          const reason = yield* reasonOf<unknown, unknown>(Rpc.withTimeout(call as Effect.Effect<unknown>, allowed))
          assert.strictEqual(reason._tag, "DeadlineExceeded")
        }
        assert.strictEqual(ran, 0)
      }
    }))

  it.effect("bounds the wait for a registry that never answers", () =>
    Effect.gen(function*() {
      const silent = Layer.succeed(
        Registry,
        Registry.of({
          register: () => Effect.void,
          watch: () => Stream.never,
          services: Stream.never,
          doubt: () => Effect.void
        })
      )
      const shop = yield* client(Shop, { registry: silent })
      for (const call of [shop.ping(), Stream.runDrain(shop.follow(1)), shop.total(Stream.make(1))]) {
        const calling = yield* Effect.forkChild(reasonOf<unknown, unknown>(call), { startImmediately: true })
        yield* TestClock.adjust("4999 millis")
        assert.isUndefined(calling.pollUnsafe())
        yield* TestClock.adjust("10 millis")
        assert.strictEqual((yield* Fiber.join(calling))._tag, "DeadlineExceeded")
      }
    }))

  it.live("can be cut short by a timeout round the call, which interrupts the handler", () =>
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      const registry = Layer.succeed(Registry, yield* makeRegistry)
      yield* serve(Shop, { ...handlers, ping: () => hang }, { registry })
      const shop = yield* client(Shop, { registry })
      const fiber = yield* Effect.forkChild(Effect.timeoutOption(shop.ping(), "100 millis"))
      yield* started
      assert.isTrue(Option.isNone(yield* Fiber.join(fiber)))
      yield* interrupted
    }))
})

describe("an instance that leaves", () => {
  it.live("leaves the registry, lets what runs finish, and fails no call", () =>
    Effect.gen(function*() {
      const shared = yield* makeRegistry
      const registry = Layer.succeed(Registry, shared)
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const slow = Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(gate))
      const first = yield* serve(Shop, { ...handlers, ping: () => slow }, { registry })
      const shop = yield* client(Shop, { registry })
      const running = yield* Effect.forkChild(shop.ping())
      yield* Deferred.await(started)
      yield* serve(Shop, handlers, { registry })
      const load = yield* burden(shop)

      const left = yield* Effect.forkChild(first.leave, { startImmediately: true })
      yield* shared.watch(Shop.key).pipe(
        Stream.filter((list) => list.every(({ address }) => address !== first.address)),
        Stream.runHead
      )
      assert.isUndefined(running.pollUnsafe())
      yield* load.more(500)
      assert.isUndefined(left.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(running)
      yield* Fiber.join(left)
      yield* load.more(500)
      yield* load.stop
    }))

  it.live("interrupts what still runs when its time to leave is over", () =>
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      const registry = Layer.succeed(Registry, yield* makeRegistry)
      const first = yield* serve(Shop, { ...handlers, ping: () => hang }, {
        registry,
        options: { drain: "20 millis" }
      })
      const shop = yield* client(Shop, { registry })
      const calling = yield* Effect.forkChild(reasonOf(shop.ping()))
      yield* started
      yield* first.leave
      yield* interrupted
      assert.include(["Disconnected", "RemoteDefect"], (yield* Fiber.join(calling))._tag)
    }))

  it.live("can be replaced under load, one after the other, without a call that fails or runs twice", () =>
    Effect.gen(function*() {
      const registry = Layer.succeed(Registry, yield* makeRegistry)
      let ran = 0
      const counting = Effect.sync(() => ran++)
      const start = serve(Shop, {
        ...handlers,
        place: (order) => Effect.andThen(Effect.andThen(counting, Effect.yieldNow), handlers.place(order))
      }, { registry })
      const members = [yield* start, yield* start, yield* start]
      const load = yield* burden(yield* client(Shop, { registry }))
      for (const old of members) {
        yield* load.more(300)
        yield* start
        yield* old.leave
      }
      yield* load.more(300)
      assert.strictEqual(yield* load.stop, ran)
    }))
})

// ---------------------------------------------------------------------------------------------------------------------

/** A transport that counts how often it was asked to connect. */
const counted = (inner: Layer.Layer<Transport> = MemoryTransportLive) => {
  let connects = 0
  const transport = Layer.effect(
    Transport,
    Effect.map(Transport, (transport) =>
      Transport.of({
        ...transport,
        connect: (address) =>
          Effect.suspend(() => {
            connects++
            return transport.connect(address)
          })
      }))
  ).pipe(Layer.provide(inner))
  return { connects: () => connects, transport }
}

/** A client whose first choice takes its leave for as long as the test lasts, and whose second one answers. */
const leaving = Effect.gen(function*() {
  const started = yield* Deferred.make<void>()
  const gate = yield* Deferred.make<void>()
  const ping = () => Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(gate))
  const first = yield* serve(Shop, { ...refusing, ping })
  const slow = yield* client(Shop, { registry: knowing(Shop.key, first.address) })
  yield* Effect.forkScoped(slow.ping())
  yield* Deferred.await(started)
  yield* Effect.forkScoped(first.leave, { startImmediately: true })
  yield* Effect.addFinalizer(() => Deferred.succeed(gate, undefined))

  let took = 0
  const counting = Effect.sync(() => took++)
  const second = yield* serve(Shop, {
    ...handlers,
    place: (order) => Effect.andThen(counting, handlers.place(order)),
    follow: (count) => Stream.onStart(handlers.follow(count), counting),
    total: (numbers) => Effect.andThen(counting, handlers.total(numbers)),
    quote: (skus) => Stream.onStart(handlers.quote(skus), counting)
  })
  const registry = knowing(Shop.key, first.address, second.address)
  return { shop: yield* client(Shop, { registry, selector: FirstSelector }), took: () => took }
})

/** Handlers that must not run. */
const refusing: Handlers = {
  ping: () => Effect.die("ran"),
  place: () => Effect.die("ran"),
  follow: () => Stream.die("ran"),
  total: () => Effect.die("ran"),
  quote: () => Stream.die("ran")
}

/** A server and a client of it, in memory. */
const pair = (changed: Partial<Handlers>, parts?: Parts) =>
  Effect.map(
    Layer.build(
      Layer.merge(Rpc.layerServer(Shop, { ...handlers, ...changed }), Rpc.layerClient(Shop)).pipe(
        Layer.provide(inMemory(parts))
      )
    ),
    Context.get(Shop)
  )

/** Calls `place` from 16 callers, over and over; a call that fails fails the test. */
const burden = (shop: Handlers) =>
  Effect.gen(function*() {
    let done = 0
    let stopping = false
    const watchers = new Set<() => void>()
    const caller = Effect.whileLoop({
      while: () => !stopping,
      body: () => shop.place({ sku: "pen", count: 1 }),
      step: () => {
        done++
        for (const look of watchers) look()
      }
    })
    const fiber = yield* Effect.forkScoped(
      Effect.all(Array.from({ length: 16 }, () => caller), { concurrency: "unbounded", discard: true })
    )
    /** Waits for so many more answers. */
    const more = (count: number) =>
      Effect.raceFirst(
        Fiber.join(fiber),
        Effect.callback<void>((resume) => {
          const goal = done + count
          const look = () => {
            if (done < goal) return
            watchers.delete(look)
            resume(Effect.void)
          }
          watchers.add(look)
        })
      )
    const stop = Effect.suspend(() => {
      stopping = true
      return Effect.map(Fiber.join(fiber), () => done)
    })
    return { more, stop }
  })
