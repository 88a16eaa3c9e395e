import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../../src/Contract.ts"
import { EjectingSelectorLive } from "../../src/Layers/EjectingSelector.ts"
import type * as NetworkRpc from "../../src/Layers/NetworkRpc.ts"
import * as Rpc from "../../src/Rpc.ts"
import { failure, Transport } from "../../src/Transport.ts"
import { FirstSelector } from "../suites/fleet.ts"
import { reasonOf } from "../suites/rpc.ts"
import { answering, breaking, makeMemory } from "./memory.ts"

class Desk extends Contract.Service<Desk>()("desk", {
  /** Answers with the name of the instance. */
  look: Contract.method({ success: Schema.String, idempotent: true }),
  place: Contract.method({ success: Schema.String })
}) {}

class Catalog extends Contract.Service<Catalog>()("catalog", {
  list: Contract.method({ success: Contract.stream(Schema.String) })
}) {}

type Retry = NetworkRpc.Options["retry"]

/** Nothing is ever paid from this one. */
const poor: Retry = { budget: { share: 0, floor: 0, burst: 0 } }

const unbounded: Retry = { budget: { share: Infinity } }

/** A client whose connections break under each call, and how often a handler ran. */
const makeBroken = (retry?: Retry) =>
  Effect.gen(function*() {
    const memory = yield* makeMemory
    let ran = 0
    const run = () => Effect.sync(() => String(++ran))
    const address = yield* memory.serve(Desk, { look: run, place: run })
    const desk = yield* memory.client(Desk, [address], {
      transport: breaking(memory.transport),
      options: { retry }
    })
    return { desk, ran: () => ran }
  })

/** Makes so many calls a second, for so many seconds. */
const load = <A, E>(call: Effect.Effect<A, E>, perSecond: number, seconds: number) =>
  Effect.gen(function*() {
    for (let second = 0; second < seconds; second++) {
      const calls = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: perSecond }),
          (_, index) => Effect.delay(Effect.exit(call), index * 1000 / perSecond),
          { concurrency: "unbounded" }
        )
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(calls)
    }
  })

describe("the budget of a service", () => {
  it.effect("bounds what calls cost that all fail: a tenth and one a second, beyond what was saved", () =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken({ pause: 0 })
      yield* load(desk.look(), 100, 20)
      assert.isAtLeast(ran(), 2000 * 1.1)
      assert.isAtMost(ran(), 2000 * 1.1 + 20 + 10)
    }))

  it.effect("is what bounds it", () =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken({ ...unbounded, pause: 0 })
      yield* load(desk.look(), 100, 20)
      assert.strictEqual(ran(), 6000)
    }))

  it.effect("gives who calls seldom no more than a twentieth beside the tenth", () =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken({ pause: 0 })
      yield* load(desk.look(), 1, 200)
      assert.isAtMost(ran(), 200 * 1.15 + 10)
    }))

  it.effect("is not saved for longer than ten seconds", () =>
    Effect.gen(function*() {
      const memory = yield* makeMemory
      let ran = 0
      let isBroken = false
      const run = () => Effect.sync(() => String(++ran))
      const address = yield* memory.serve(Desk, { look: run, place: run }, {
        transport: answering(
          memory.transport,
          Effect.sync(() => isBroken ? (ran++, failure("Overloaded", "")) : undefined)
        )
      })
      const options: NetworkRpc.Options = { retry: { pause: 0 } }
      const desk = yield* memory.client(Desk, [address], { options })
      yield* load(desk.look(), 100, 60)
      isBroken = true
      ran = 0
      yield* Effect.all(Array.from({ length: 1000 }, () => Effect.exit(desk.look())))
      // What a thousand calls earned in ten seconds, and what these earn.
      assert.isAtLeast(ran, 1000 + 110)
      assert.isAtMost(ran, 1000 + 110 + 101)
    }))

  it.effect("is one for all methods of a service", () =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken({ pause: 0, budget: { share: 0, floor: 0, burst: 3 } })
      yield* Effect.exit(desk.look())
      assert.strictEqual(ran(), 3)
      yield* Effect.exit(desk.place())
      yield* Effect.exit(desk.look())
      assert.strictEqual(ran(), 6)
      yield* Effect.exit(desk.look())
      assert.strictEqual(ran(), 7)
    }))

  it.effect("is not asked for calls that never left", () =>
    Effect.gen(function*() {
      const memory = yield* makeMemory
      const address = yield* memory.serve(Desk, { look: () => Effect.succeed("b"), place: () => Effect.succeed("b") })
      const desk = yield* memory.client(Desk, ["memory://nobody/1", "memory://nobody/2", address], {
        selector: FirstSelector,
        options: { retry: poor }
      })
      for (let call = 0; call < 100; call++) assert.strictEqual(yield* desk.place(), "b")
    }))

  it.effect("is asked when a second instance was leaving, but not at the first", () =>
    Effect.gen(function*() {
      const asked = (leaving: number, retry: Retry) =>
        Effect.gen(function*() {
          const { addresses, memory } = yield* makeRefusing(leaving, failure("Unavailable", ""))
          return yield* Effect.exit(
            Effect.flatMap(
              memory.client(Desk, addresses, { selector: FirstSelector, options: { retry } }),
              (desk) => desk.place()
            )
          )
        })
      assert.strictEqual((yield* asked(1, poor))._tag, "Success")
      assert.strictEqual((yield* asked(2, poor))._tag, "Failure")
      assert.strictEqual((yield* asked(2, undefined))._tag, "Success")
    }))
})

/** Instances that refuse calls, before one that takes them; and who was asked, in order. */
const makeRefusing = (count: number, reply: ReturnType<typeof failure>) =>
  Effect.gen(function*() {
    const memory = yield* makeMemory
    const asked = yield* Queue.unbounded<string>()
    const addresses: Array<string> = []
    for (let index = 0; index <= count; index++) {
      const name = String.fromCharCode(97 + index)
      const note = Effect.as(Queue.offer(asked, name), index < count ? reply : undefined)
      const answer = () => Effect.succeed(name)
      addresses.push(
        yield* memory.serve(Desk, { look: answer, place: answer }, { transport: answering(memory.transport, note) })
      )
    }
    return { addresses, asked, memory }
  })

const makeOverloaded = (count: number, retryAfter?: number) =>
  Effect.gen(function*() {
    const { addresses, asked, memory } = yield* makeRefusing(count, failure("Overloaded", "", retryAfter))
    const desk = yield* memory.client(Desk, addresses, { selector: FirstSelector })
    return { asked, desk }
  })

describe("a call that is refused for overload", () => {
  it.effect("is taken to another instance once, when the instance said to come back", () =>
    Effect.gen(function*() {
      const { asked, desk } = yield* makeOverloaded(1, 100)
      const calling = yield* Effect.forkChild(desk.place())
      assert.strictEqual(yield* Queue.take(asked), "a")
      yield* TestClock.adjust("99 millis")
      assert.strictEqual(yield* Queue.size(asked), 0)
      yield* TestClock.adjust("26 millis")
      assert.strictEqual(yield* Fiber.join(calling), "b")
    }))

  it.effect("ends where the second instance refuses it too", () =>
    Effect.gen(function*() {
      const { asked, desk } = yield* makeOverloaded(2)
      const calling = yield* Effect.forkChild(reasonOf(desk.look()))
      assert.strictEqual(yield* Queue.take(asked), "a")
      yield* TestClock.adjust("25 millis")
      assert.strictEqual((yield* Fiber.join(calling))._tag, "Overloaded")
      assert.deepStrictEqual(yield* Queue.takeAll(asked), ["b"])
    }))

  it.effect("ends at once where it is to come back after its deadline, or never", () =>
    Effect.gen(function*() {
      for (const retryAfter of [1000, Infinity]) {
        const { asked, desk } = yield* makeOverloaded(1, retryAfter)
        const reason = yield* reasonOf(Rpc.withTimeout(desk.look(), "1 second"))
        assert.deepInclude(reason, { _tag: "Overloaded", retryAfter })
        assert.deepStrictEqual(yield* Queue.takeAll(asked), ["a"])
      }
    }))
})

describe("a call that may have run", () => {
  /** When the attempts of a call are made, in milliseconds, where every lot is the same. */
  const attempts = (lot: number, millis: ReadonlyArray<number>) =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken()
      const calling = yield* Effect.forkChild(Effect.exit(desk.look()), { startImmediately: true })
      const counts = [ran()]
      for (const more of millis) {
        yield* TestClock.adjust(more)
        counts.push(ran())
      }
      assert.strictEqual((yield* Fiber.join(calling))._tag, "Failure")
      return counts
    }).pipe(Effect.provideService(Random.Random, { nextDoubleUnsafe: () => lot, nextIntUnsafe: () => 0 }))

  it.effect("has three attempts, after pauses by lot that grow", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* attempts(0.96, [23, 1, 47, 1]), [1, 1, 2, 2, 3])
      assert.deepStrictEqual(yield* attempts(0.2, [4, 1, 9, 1]), [1, 1, 2, 2, 3])
    }))

  it.effect("has as many as the options say, and pauses as long", () =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken({ attempts: 6, pause: "1 second", longestPause: "2 seconds" })
      const calling = yield* Effect.forkChild(reasonOf(Rpc.withTimeout(desk.look(), "1 minute")))
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual((yield* Fiber.join(calling))._tag, "Disconnected")
      assert.strictEqual(ran(), 6)
      const single = yield* makeBroken({ attempts: 1 })
      assert.strictEqual((yield* reasonOf(single.desk.look()))._tag, "Disconnected")
      assert.strictEqual(single.ran(), 1)
    }))

  it.effect("is not repeated where its method is not idempotent", () =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken()
      assert.strictEqual((yield* reasonOf(desk.place()))._tag, "Disconnected")
      assert.strictEqual(ran(), 1)
    }))

  it.effect("is not repeated when the pause would outlast the deadline", () =>
    Effect.gen(function*() {
      const { desk, ran } = yield* makeBroken({ pause: "1 hour", longestPause: "1 hour" })
      assert.strictEqual((yield* reasonOf(Rpc.withTimeout(desk.look(), "1 second")))._tag, "Disconnected")
      assert.strictEqual(ran(), 1)
    }))
})

describe("an instance that hangs", () => {
  /** Two instances, of which the first hangs once it is told to; a client that has made so many calls before. */
  const makeHanging = (calls: number, retry?: Retry) =>
    Effect.gen(function*() {
      const memory = yield* makeMemory
      let hangs = false
      const first = () => Effect.suspend(() => hangs ? Effect.never : Effect.as(Effect.sleep("10 millis"), "a"))
      const second = () => Effect.succeed("b")
      const addresses = [
        yield* memory.serve(Desk, { look: first, place: first }),
        yield* memory.serve(Desk, { look: second, place: second })
      ]
      const desk = yield* memory.client(Desk, addresses, { selector: FirstSelector, options: { retry } })
      for (const call of [desk.look(), desk.place()]) {
        const before = yield* Effect.forkChild(
          Effect.all(Array.from({ length: calls }, () => call), { concurrency: 100 })
        )
        yield* TestClock.adjust("10 millis")
        yield* Fiber.join(before)
      }
      hangs = true
      return desk
    })

  /** How a call goes that is given a second, and when it ends. */
  const timed = (call: Effect.Effect<string, unknown>) =>
    Effect.gen(function*() {
      const calling = yield* Effect.forkChild(Effect.exit(Rpc.withTimeout(call, "1 second")))
      yield* TestClock.adjust("60 millis")
      const early = calling.pollUnsafe()
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.join(calling)
      return [early === undefined ? "late" : "early", exit._tag === "Success" ? exit.value : "failed"]
    })

  it.effect("costs a call that may run twice three times what such calls take, and not its deadline", () =>
    Effect.gen(function*() {
      const desk = yield* makeHanging(100)
      assert.deepStrictEqual(yield* timed(desk.look()), ["early", "b"])
    }))

  it.effect("costs other calls their deadline", () =>
    Effect.gen(function*() {
      const desk = yield* makeHanging(100)
      assert.deepStrictEqual(yield* timed(desk.place()), ["late", "failed"])
    }))

  it.effect("is waited for where few calls have shown how long they take, or the options say so", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* timed((yield* makeHanging(99)).look()), ["late", "failed"])
      assert.deepStrictEqual(yield* timed((yield* makeHanging(100, { cut: false })).look()), ["late", "failed"])
    }))

  it.effect("is waited for where nobody can pay for another attempt", () =>
    Effect.gen(function*() {
      const desk = yield* makeHanging(100, poor)
      assert.deepStrictEqual(yield* timed(desk.look()), ["late", "failed"])
      const thrifty = yield* makeHanging(100, { budget: { share: 0, floor: 0, burst: 1 } })
      assert.deepStrictEqual(yield* timed(thrifty.look()), ["early", "b"])
      assert.deepStrictEqual(yield* timed(thrifty.look()), ["late", "failed"])
    }))

  it.effect("is waited for by the last attempt of a call", () =>
    Effect.gen(function*() {
      const desk = yield* makeHanging(100, { attempts: 1 })
      assert.deepStrictEqual(yield* timed(desk.look()), ["late", "failed"])
    }))
})

it.effect("an instance that a stream could not reach is left out", () =>
  Effect.gen(function*() {
    const memory = yield* makeMemory
    const dialled: Array<string> = []
    const transport = Layer.effect(
      Transport,
      Effect.map(Transport, (transport) =>
        Transport.of({
          ...transport,
          connect: (address) => Effect.suspend(() => (dialled.push(address), transport.connect(address)))
        }))
    ).pipe(Layer.provide(memory.transport))
    const list = () => Stream.make("pen", "ink")
    const address = yield* memory.serve(Catalog, { list })
    const selector = EjectingSelectorLive.pipe(Layer.provide(FirstSelector))
    const catalog = yield* memory.client(Catalog, ["memory://nobody/1", address], { selector, transport })
    for (const _ of [1, 2, 3]) assert.deepStrictEqual(yield* Stream.runCollect(catalog.list()), ["pen", "ink"])
    assert.deepStrictEqual(dialled, ["memory://nobody/1", address])
  }))
