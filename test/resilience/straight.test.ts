import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../../src/Contract.ts"
import * as Prompt from "../../src/internal/prompt.ts"
import * as Selection from "../../src/internal/selection.ts"
import * as Loan from "../../src/internal/selection/loan.ts"
import { now } from "../../src/internal/wheel.ts"
import { Selector } from "../../src/Selector.ts"
import { Transport } from "../../src/Transport.ts"
import { makeMemory } from "./memory.ts"

/** A text that cannot be read where it is a curse: to read it dies. */
const Spoken = Schema.String.pipe(Schema.decodeTo(
  Schema.String,
  SchemaTransformation.transform({
    decode: (text) => {
      if (text === "curse") throw new Error("cursed")
      return text
    },
    encode: (text) => text
  })
))

class Desk extends Contract.Service<Desk>()("desk", {
  say: Contract.method({ payload: Schema.String, success: Spoken }),
  /** Answers when it is told to. */
  wait: Contract.method({})
}) {}

/** How a lease ended, and when in milliseconds since the first one began. */
type End = readonly [exit: Exit.Exit<unknown, unknown>["_tag"], time: number]

/** A client of two instances, each choice of which is made by the test; and how its leases ended. */
const make = Effect.gen(function*() {
  const memory = yield* makeMemory
  const asked = yield* Queue.unbounded<void>()
  const answer = yield* Deferred.make<void>()
  const dialled = yield* Queue.unbounded<string>()
  const gate = yield* Deferred.make<void>()
  const handlers = {
    say: Effect.succeed<string>,
    wait: () => Effect.andThen(Queue.offer(asked, undefined), Deferred.await(answer))
  }
  const addresses = [yield* memory.serve(Desk, handlers), yield* memory.serve(Desk, handlers)]
  const state = { choice: 0, start: now(yield* Clock.Clock) }
  const ends: Array<End> = []
  const selector = Layer.effect(
    Selector,
    Effect.map(Selector, (selector) =>
      Selector.of({
        ...selector,
        select: (service, lease, options) =>
          Prompt.make((fiber) => {
            Loan.onEnd(lease, fiber.getRef(Clock.Clock), ({ _tag }, time) => ends.push([_tag, time - state.start]))
            return Prompt.run(selector.select(service, lease, options), fiber)
          })
      }))
  ).pipe(Layer.provide(Selection.layer(Effect.succeed({ pick: ({ candidates }) => candidates[state.choice]! }))))
  const transport = Layer.effect(
    Transport,
    Effect.map(Transport, (transport) =>
      Transport.of({
        ...transport,
        connect: (address) =>
          address === addresses[0]
            ? transport.connect(address)
            : Effect.andThen(
              Effect.andThen(Queue.offer(dialled, address), Deferred.await(gate)),
              transport.connect(address)
            )
      }))
  ).pipe(Layer.provide(memory.transport))
  const desk = yield* memory.client(Desk, addresses, { selector, transport })
  // From the second call on nothing has to be waited for.
  yield* desk.say("hello")
  ends.length = 0
  return { answer, asked, desk, dialled, ends, gate, state }
})

describe("a call that waits for nobody but the instance", () => {
  it.effect("gives the instance back when it is answered, at that moment", () =>
    Effect.gen(function*() {
      const { answer, asked, desk, ends } = yield* make
      const calling = yield* Effect.forkChild(desk.wait())
      yield* Queue.take(asked)
      yield* TestClock.adjust(30)
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(calling)
      assert.deepStrictEqual(ends, [["Success", 30]])
    }))

  it.effect("gives the instance back when its caller is interrupted", () =>
    Effect.gen(function*() {
      const { asked, desk, ends } = yield* make
      const calling = yield* Effect.forkChild(desk.wait())
      yield* Queue.take(asked)
      yield* TestClock.adjust(20)
      yield* Fiber.interrupt(calling)
      assert.deepStrictEqual(ends, [["Success", 20]])
    }))

  it.effect("gives the instance back when its caller is interrupted while it is dialled after all", () =>
    Effect.gen(function*() {
      const { desk, dialled, ends, state } = yield* make
      state.choice = 1
      const calling = yield* Effect.forkChild(desk.say("hello"))
      yield* Queue.take(dialled)
      yield* TestClock.adjust(10)
      yield* Fiber.interrupt(calling)
      assert.deepStrictEqual(ends, [["Success", 10]])
    }))

  it.effect("is sent once there is a connection, where it had to be dialled after all", () =>
    Effect.gen(function*() {
      const { desk, dialled, ends, gate, state } = yield* make
      state.choice = 1
      const calling = yield* Effect.forkChild(desk.say("hello"))
      yield* Queue.take(dialled)
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(calling), "hello")
      assert.deepStrictEqual(ends, [["Success", 0]])
    }))

  it.effect("dies by itself where its reply makes the schema die", () =>
    Effect.gen(function*() {
      const { answer, asked, desk, ends } = yield* make
      const calling = yield* Effect.forkChild(desk.wait())
      yield* Queue.take(asked)
      const defect = yield* Effect.catchDefect(desk.say("curse"), Effect.succeed)
      assert.include(String(defect), "cursed")
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(calling)
      assert.deepStrictEqual(ends.map(([exit]) => exit), ["Success", "Success"])
    }))
})
