import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../src/Contract.ts"
import { LocalRpcLive } from "../src/Layers/LocalRpc.ts"
import * as Rpc from "../src/Rpc.ts"

class Counter extends Contract.Service<Counter>()("counter", {
  next: Contract.method({ success: Schema.Int })
}) {}

class Step extends Context.Service<Step, number>()("test/Step") {}

/** Handlers that count; how far is what they need. */
const counting = Effect.gen(function*() {
  const step = yield* Step
  let count = 0
  return { next: () => Effect.sync(() => count += step) }
})

describe("layerServer", () => {
  it.effect("builds the handlers once, with what building them needs", () =>
    Effect.gen(function*() {
      const counter = yield* Counter
      assert.strictEqual(yield* counter.next(), 5)
      assert.strictEqual(yield* counter.next(), 10)
    }).pipe(Effect.provide(
      Layer.merge(
        Layer.provide(Rpc.layerServer(Counter, counting), Layer.succeed(Step, 5)),
        Rpc.layerClient(Counter)
      ).pipe(Layer.provide(LocalRpcLive))
    )))

  it.effect("keeps what the handlers acquired until the last call has ended", () =>
    Effect.gen(function*() {
      const events: Array<string> = []
      const note = (event: string) => Effect.sync(() => void events.push(event))
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const build = Effect.gen(function*() {
        yield* Effect.acquireRelease(note("acquired"), () => note("released"))
        const waiting = Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(gate))
        return { next: () => Effect.as(Effect.andThen(waiting, note("answered")), 1) }
      })
      const rpc = yield* Layer.build(LocalRpcLive)
      const scope = yield* Scope.make()
      yield* Effect.provideContext(Layer.buildWithScope(Rpc.layerServer(Counter, build), scope), rpc)
      const counter = yield* Context.get(rpc, Rpc.Rpc).client(Counter)
      yield* Effect.forkChild(counter.next())
      yield* Deferred.await(started)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(events, ["acquired", "answered", "released"])
    }))

  it.effect("fails as the building of the handlers does", () =>
    Effect.gen(function*() {
      const server = Rpc.layerServer(Counter, Effect.fail("no database")).pipe(Layer.provide(LocalRpcLive))
      assert.strictEqual(yield* Effect.flip(Layer.build(server)), "no database")
    }))

  it.effect("fails where the contract is answered already", () =>
    Effect.gen(function*() {
      const server = Layer.fresh(Rpc.layerServer(Counter, { next: () => Effect.succeed(1) }))
      const both = Layer.provide(Layer.merge(server, Layer.fresh(server)), LocalRpcLive)
      const error = yield* Effect.flip(Layer.build(both))
      assert.instanceOf(error, Rpc.ServeError)
      assert.include(error.message, "counter cannot be served")
    }))
})

describe("provideServiceEffect", () => {
  class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}
  class Diary extends Contract.Service<Diary>()("diary", {
    sign: Contract.method({ success: Schema.String, error: Refused }),
    read: Contract.method({ success: Contract.stream(Schema.String), error: Refused }),
    dictate: Contract.method({ payload: Contract.stream(Schema.String), success: Schema.String, error: Refused })
  }) {}
  class Caller extends Context.Service<Caller, string>()("test/Caller") {}

  /** A diary of who calls, and the handlers that were called. */
  const diary = Effect.gen(function*() {
    const called: Array<string> = []
    const handlers = Rpc.provideServiceEffect(
      Diary,
      {
        sign: () => {
          called.push("sign")
          return Effect.map(Caller, (caller) => `${caller} was here`)
        },
        read: () => {
          called.push("read")
          return Stream.fromEffect(Caller)
        },
        dictate: (words) => {
          called.push("dictate")
          return Effect.flatMap(Caller, (caller) => Stream.mkString(Stream.concat(Stream.make(caller), words)))
        }
      },
      Caller,
      Effect.flatMap(Rpc.CurrentCall, (call) => {
        const name = call?.headers["x-caller"]
        return name === undefined ? Effect.fail(new Refused({ why: "nobody" })) : Effect.succeed(name)
      })
    )
    const server = Layer.merge(Rpc.layerServer(Diary, handlers), Rpc.layerClient(Diary))
    const context = yield* Layer.build(Layer.provide(server, LocalRpcLive))
    return { called, client: Context.get(context, Diary) }
  })
  const asAda = Rpc.withHeaders({ "x-caller": "ada" })

  it.effect("makes the service anew for each call, of whatever kind", () =>
    Effect.gen(function*() {
      const { client } = yield* diary
      assert.strictEqual(yield* asAda(client.sign()), "ada was here")
      assert.strictEqual(yield* Rpc.withHeaders(client.sign(), { "x-caller": "bob" }), "bob was here")
      assert.deepStrictEqual(yield* asAda(Stream.runCollect(client.read())), ["ada"])
      assert.strictEqual(yield* asAda(client.dictate(Stream.make(" ", "speaks"))), "ada speaks")
    }))

  it.effect("calls no handler where the service cannot be made, and fails as making it does", () =>
    Effect.gen(function*() {
      const { called, client } = yield* diary
      const refused = new Refused({ why: "nobody" })
      assert.deepStrictEqual(yield* Effect.flip(client.sign()), refused)
      assert.deepStrictEqual(yield* Effect.flip(Stream.runCollect(client.read())), refused)
      assert.deepStrictEqual(yield* Effect.flip(client.dictate(Stream.make("psst"))), refused)
      assert.deepStrictEqual(called, [])
    }))
})

describe("withTimeout", () => {
  const deadline = Effect.map(Rpc.CurrentDeadline, (deadline) => deadline)

  it.effect("counts from when it runs", () =>
    Effect.gen(function*() {
      const timed = Rpc.withTimeout(deadline, "2 seconds")
      assert.strictEqual(yield* timed, 2000)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* timed, 7000)
    }))

  it.effect("never gives more time than there is", () =>
    Effect.gen(function*() {
      const longer = Rpc.withTimeout(deadline, "1 minute").pipe(Rpc.withTimeout("2 seconds"))
      const shorter = Rpc.withTimeout(deadline, "1 second").pipe(Rpc.withTimeout("2 seconds"))
      assert.strictEqual(yield* longer, 2000)
      assert.strictEqual(yield* shorter, 1000)
    }))

  it.effect("sets nothing outside of it", () =>
    Effect.gen(function*() {
      yield* Rpc.withTimeout(deadline, "2 seconds")
      assert.isUndefined(yield* deadline)
    }))
})

describe("withHeaders", () => {
  it.effect("adds to those around it, and overrides those of the same name", () =>
    Effect.gen(function*() {
      const headers = yield* Effect.map(Rpc.CurrentHeaders, (headers) => headers).pipe(
        Rpc.withHeaders({ "X-Tenant": "inner", "x-a": "1" }),
        Rpc.withHeaders({ "x-tenant": "outer", "X-B": "2" })
      )
      assert.deepStrictEqual(headers, { "x-tenant": "inner", "x-a": "1", "x-b": "2" })
      assert.deepStrictEqual(yield* Rpc.CurrentHeaders, {})
    }))
})
