import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../../src/Contract.ts"
import { EjectingSelectorLive } from "../../src/Layers/EjectingSelector.ts"
import { RoundRobinSelectorLive } from "../../src/Layers/RoundRobinSelector.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as RpcError from "../../src/RpcError.ts"
import { Selector } from "../../src/Selector.ts"
import { FirstSelector } from "../suites/fleet.ts"
import { makeMemory } from "./memory.ts"

class Desk extends Contract.Service<Desk>()("desk", {
  /** Takes so many milliseconds. */
  ask: Contract.method({ payload: Schema.Number }),
  /** Ends as a call would that the handler made with a shorter deadline. */
  nest: Contract.method({})
}) {}

const nested = RpcError.fail("DeadlineExceeded", { service: "other", method: "Other.ask" })

/** What the leases of a client of one instance were given back with, in order. */
const makeWatched = Effect.gen(function*() {
  const memory = yield* makeMemory
  const asked = yield* Queue.unbounded<void>()
  const exits: Array<Exit.Exit<unknown, unknown>["_tag"]> = []
  const address = yield* memory.serve(Desk, {
    ask: (millis) => Effect.andThen(Queue.offer(asked, undefined), Effect.sleep(millis)),
    nest: () => nested
  })
  const selector = Layer.effect(
    Selector,
    Effect.map(Selector, (selector) =>
      Selector.of({
        ...selector,
        select: (service, lease, options) =>
          Effect.andThen(
            Scope.addFinalizerExit(lease, (exit) => Effect.sync(() => void exits.push(exit._tag))),
            selector.select(service, lease, options)
          )
      }))
  ).pipe(Layer.provide(FirstSelector))
  const desk = yield* memory.client(Desk, [address], { selector })
  /** Asks for something that takes so long, as so much time passes. */
  const ask = (takes: number, timeout: number, passes: number) =>
    Effect.gen(function*() {
      const calling = yield* Effect.forkChild(Effect.exit(Rpc.withTimeout(desk.ask(takes), timeout)))
      yield* Queue.take(asked)
      yield* TestClock.adjust(passes)
      return calling
    })
  return { ask, desk, exits }
})

describe("a passed deadline", () => {
  it.effect("speaks against the instance that let it pass", () =>
    Effect.gen(function*() {
      const { ask, exits } = yield* makeWatched
      yield* Fiber.join(yield* ask(10_000, 60, 80))
      assert.deepStrictEqual(exits, ["Failure"])
    }))

  it.effect("says nothing where there was little time", () =>
    Effect.gen(function*() {
      const { ask, exits } = yield* makeWatched
      yield* Fiber.join(yield* ask(10_000, 49, 80))
      assert.deepStrictEqual(exits, ["Success"])
    }))

  it.effect("says nothing where there was less time than such calls need", () =>
    Effect.gen(function*() {
      const { ask, exits } = yield* makeWatched
      // A hundred calls of 100 ms, all at once.
      const calls = yield* Effect.all(Array.from({ length: 100 }, () => ask(100, 5000, 0)))
      yield* TestClock.adjust(100)
      yield* Fiber.joinAll(calls)
      yield* Fiber.join(yield* ask(10_000, 250, 300))
      yield* Fiber.join(yield* ask(10_000, 350, 400))
      assert.deepStrictEqual(exits.slice(100), ["Success", "Failure"])
    }))

  it.effect("says nothing where it was one of the handler's own", () =>
    Effect.gen(function*() {
      const { desk, exits } = yield* makeWatched
      const error = yield* Effect.flip(desk.nest())
      assert.strictEqual(error.reason._tag, "DeadlineExceeded")
      assert.deepStrictEqual(exits, ["Success"])
    }))

  it.effect("is not that of a caller who went away", () =>
    Effect.gen(function*() {
      const { ask, exits } = yield* makeWatched
      const calling = yield* ask(10_000, 1000, 500)
      yield* Fiber.interrupt(calling)
      assert.deepStrictEqual(exits, ["Success"])
    }))
})

it.effect("an instance that hangs is left out, and fails no more calls", () =>
  Effect.gen(function*() {
    const memory = yield* makeMemory
    const hung = yield* Queue.unbounded<void>()
    let answered = 0
    const hangs = { ask: () => Effect.andThen(Queue.offer(hung, undefined), Effect.never), nest: () => nested }
    const answers = { ask: () => Effect.sync(() => void answered++), nest: () => nested }
    const addresses = [
      yield* memory.serve(Desk, hangs),
      yield* memory.serve(Desk, answers),
      yield* memory.serve(Desk, answers)
    ]
    const selector = EjectingSelectorLive.pipe(Layer.provide(RoundRobinSelectorLive))
    const desk = yield* memory.client(Desk, addresses, { selector })
    const calling = yield* Effect.forkChild(
      Effect.all(Array.from({ length: 30 }, () => Effect.ignore(desk.ask(0))), { concurrency: 15 })
    )
    for (const _ of [1, 2, 3, 4, 5]) yield* Queue.take(hung)
    yield* TestClock.adjust("5010 millis")
    yield* Fiber.join(calling)
    answered = 0
    yield* Effect.all(Array.from({ length: 30 }, () => desk.ask(0)))
    assert.strictEqual(answered, 30)
  }))
