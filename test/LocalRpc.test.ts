import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { LocalRpcLive } from "../src/Layers/LocalRpc.ts"
import * as Rpc from "../src/Rpc.ts"
import { type Handlers, handlers, makeHang, programSuite, reasonOf, rpcSuite, Shop } from "./suites/rpc.ts"

programSuite("nothing: the handlers are the client", (handlers) => Layer.succeed(Shop, handlers))

rpcSuite("LocalRpc", LocalRpcLive)

const serve = (handlers: Handlers) => Layer.build(Rpc.layerServer(Shop, handlers))

const client = Effect.flatMap(Rpc.Rpc, (rpc) => rpc.client(Shop))

describe("LocalRpc", () => {
  it.effect("tells that nobody serves", () =>
    Effect.gen(function*() {
      const shop = yield* Shop
      assert.strictEqual((yield* reasonOf(shop.ping()))._tag, "Unreachable")
      assert.strictEqual((yield* reasonOf(Stream.runDrain(shop.follow(1))))._tag, "Unreachable")
    }).pipe(Effect.provide(Layer.provide(Rpc.layerClient(Shop), LocalRpcLive))))

  it.effect("serves a contract once at a time", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(serve(handlers), scope)
      const error = yield* Effect.flip(serve(handlers))
      assert.strictEqual(error.service, "acme.shop")
      assert.include(error.message, "served already")
      yield* Scope.close(scope, Exit.void)
      yield* serve(handlers)
    }).pipe(Effect.scoped, Effect.provide(LocalRpcLive)))

  it.effect("lets running calls finish before it leaves, and refuses new ones", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const ping = () => Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(gate))
      yield* Scope.provide(serve({ ...handlers, ping }), scope)
      const shop = yield* client
      const calling = yield* Effect.forkChild(shop.ping())
      yield* Deferred.await(started)
      const leaving = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.strictEqual((yield* reasonOf(shop.ping()))._tag, "Unreachable")
      assert.isUndefined(leaving.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(calling)
      yield* Fiber.join(leaving)
    }).pipe(Effect.provide(LocalRpcLive)))

  it.effect("lets a stream that runs finish before it leaves", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const follow = () =>
        Stream.concat(Stream.make(1), Stream.fromEffect(Effect.as(Deferred.await(gate), 2))).pipe(
          Stream.onStart(Deferred.succeed(started, undefined))
        )
      yield* Scope.provide(serve({ ...handlers, follow }), scope)
      const shop = yield* client
      const calling = yield* Effect.forkChild(Stream.runCollect(shop.follow(0)))
      yield* Deferred.await(started)
      const leaving = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.isUndefined(leaving.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(calling), [1, 2])
      yield* Fiber.join(leaving)
    }).pipe(Effect.provide(LocalRpcLive)))

  it.effect("hands a nested call what is left of the time", () =>
    Effect.gen(function*() {
      const shop = yield* client
      const { hang, interrupted, started } = yield* makeHang
      const total = () => Effect.as(Effect.andThen(Effect.sleep("4 seconds"), shop.ping()), 1)
      yield* serve({ ...handlers, total, ping: () => hang })
      const calling = yield* Effect.forkChild(reasonOf(Rpc.withTimeout(shop.total(Stream.empty), "5 seconds")))
      yield* TestClock.adjust("4 seconds")
      yield* started
      yield* TestClock.adjust("1 second")
      yield* interrupted
      assert.strictEqual((yield* Fiber.join(calling))._tag, "DeadlineExceeded")
    }).pipe(Effect.scoped, Effect.provide(LocalRpcLive)))

  it.effect("ends a stream whose time is up", () =>
    Effect.gen(function*() {
      const { hang, interrupted, started } = yield* makeHang
      yield* serve({ ...handlers, follow: () => Stream.fromEffect(hang) })
      const shop = yield* client
      const following = Rpc.withTimeout(Stream.runDrain(shop.follow(0)), "1 second")
      const calling = yield* Effect.forkChild(reasonOf(following))
      yield* started
      yield* TestClock.adjust("1 second")
      yield* interrupted
      assert.strictEqual((yield* Fiber.join(calling))._tag, "DeadlineExceeded")
    }).pipe(Effect.scoped, Effect.provide(LocalRpcLive)))

  it.effect("knows nobody of another build", () =>
    Effect.gen(function*() {
      const server = yield* Layer.build(LocalRpcLive)
      const stranger = yield* Layer.build(Layer.fresh(LocalRpcLive))
      yield* Effect.provideContext(serve(handlers), server)
      const shop = yield* Effect.provideContext(client, stranger)
      assert.strictEqual((yield* reasonOf(shop.ping()))._tag, "Unreachable")
    }))
})
