import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../../src/Contract.ts"
import { failure, type Reply } from "../../src/Transport.ts"
import { FirstSelector } from "../suites/fleet.ts"
import { answering, makeMemory } from "./memory.ts"

const options = { success: Schema.String, idempotent: true } as const

class Desk extends Contract.Service<Desk>()("desk", {
  fixed: Contract.method({ ...options, hedge: "100 millis" }),
  learned: Contract.method({ ...options, hedge: "p95" }),
  plain: Contract.method(options)
}) {}

const refused = Effect.succeed(failure("Overloaded", "", 10_000))

interface Member {
  /** How long its calls take, in milliseconds. */
  takes: number
  /** What it says instead, if anything. */
  says: Effect.Effect<Reply | undefined>
  asked: number
  interrupted: number
}

/** Members of a service, of which the first is asked where there is a choice. */
const makeDesk = (...takes: ReadonlyArray<number>) =>
  Effect.gen(function*() {
    const memory = yield* makeMemory
    const members: Array<Member> = takes.map((takes) => ({ takes, says: Effect.undefined, asked: 0, interrupted: 0 }))
    const interrupted = yield* Queue.unbounded<void>()
    const addresses = yield* Effect.forEach(members, (member, index) => {
      const answer = () =>
        Effect.suspend(() => {
          member.asked++
          return Effect.as(Effect.sleep(member.takes), String.fromCharCode(97 + index))
        }).pipe(
          Effect.onInterrupt(() =>
            Effect.suspend(() => {
              member.interrupted++
              return Queue.offer(interrupted, undefined)
            })
          )
        )
      return memory.serve(Desk, { fixed: answer, learned: answer, plain: answer }, {
        transport: answering(memory.transport, Effect.suspend(() => member.says))
      })
    })
    const desk = yield* memory.client(Desk, addresses, { selector: FirstSelector, options: { retry: { cut: false } } })
    /** How a call ends after so many milliseconds, if it does. */
    const after = (call: Effect.Effect<string, unknown>, millis: number) =>
      Effect.gen(function*() {
        const calling = yield* Effect.forkChild(Effect.exit(call))
        yield* TestClock.adjust(millis)
        const exit = calling.pollUnsafe()
        yield* Fiber.interrupt(calling)
        return exit?._tag !== "Success" ? undefined : exit.value._tag === "Success" ? exit.value.value : "failed"
      })
    return { after, desk, interrupted: Queue.take(interrupted), members }
  })

describe("a call that is hedged", () => {
  it.effect("is answered by a second instance where the first takes long, which is told to stop", () =>
    Effect.gen(function*() {
      const { after, desk, interrupted, members: [first, second] } = yield* makeDesk(1000, 10)
      assert.strictEqual(yield* after(desk.fixed(), 110), "b")
      yield* interrupted
      assert.deepStrictEqual([first.asked, first.interrupted], [1, 1])
      assert.deepStrictEqual([second.asked, second.interrupted], [1, 0])
    }))

  it.effect("goes to nobody else before its time", () =>
    Effect.gen(function*() {
      const { after, desk, members: [, second] } = yield* makeDesk(99, 10)
      assert.strictEqual(yield* after(desk.fixed(), 99), "a")
      assert.strictEqual(second.asked, 0)
    }))

  it.effect("is answered by the first instance where the second is slower, or refuses", () =>
    Effect.gen(function*() {
      const slow = yield* makeDesk(150, 300)
      assert.strictEqual(yield* slow.after(slow.desk.fixed(), 150), "a")
      yield* slow.interrupted
      assert.strictEqual(slow.members[1].interrupted, 1)
      const refusing = yield* makeDesk(150, 10)
      refusing.members[1].says = refused
      assert.strictEqual(yield* refusing.after(refusing.desk.fixed(), 150), "a")
    }))

  it.effect("is answered by the second where the first refuses it late", () =>
    Effect.gen(function*() {
      const { after, desk, members: [first] } = yield* makeDesk(1000, 100)
      first.says = Effect.delay(refused, 150)
      assert.strictEqual(yield* after(desk.fixed(), 200), "b")
    }))

  it.effect("is tried again at a third where both refuse", () =>
    Effect.gen(function*() {
      const { after, desk, members: [first, second, third] } = yield* makeDesk(1000, 1000, 10)
      first.says = second.says = Effect.delay(Effect.succeed(failure("Unavailable", "")), 120)
      assert.strictEqual(yield* after(desk.fixed(), 250), "c")
      assert.strictEqual(third.asked, 1)
    }))

  it.effect("stops at both instances when its caller goes away", () =>
    Effect.gen(function*() {
      const { after, desk, interrupted, members } = yield* makeDesk(1000, 1000)
      assert.isUndefined(yield* after(desk.fixed(), 200))
      yield* Effect.andThen(interrupted, interrupted)
      assert.deepStrictEqual(members.map(({ interrupted }) => interrupted), [1, 1])
    }))

  it.effect("is not sent twice to the only instance", () =>
    Effect.gen(function*() {
      const { after, desk, members: [first] } = yield* makeDesk(1000)
      assert.isUndefined(yield* after(desk.fixed(), 500))
      assert.strictEqual(first.asked, 1)
    }))

  it.effect("is one in twenty, however slow the others are", () =>
    Effect.gen(function*() {
      const { desk, members: [, second] } = yield* makeDesk(1000, 10)
      const calling = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 1000 }, () => desk.fixed()), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(calling)
      assert.isAtLeast(second.asked, 49)
      assert.isAtMost(second.asked, 51)
    }))

  it.effect("learns from a hundred calls how long they take, and is sent twice only from then on", () =>
    Effect.gen(function*() {
      const { after, desk, members: [first, second] } = yield* makeDesk(40, 10)
      const before = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 99 }, () => desk.learned()), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(40)
      yield* Fiber.join(before)
      first.takes = 1000
      assert.isUndefined(yield* after(desk.learned(), 500))
      first.takes = 40
      assert.strictEqual(yield* after(desk.learned(), 40), "a")
      first.takes = 1000
      assert.strictEqual(yield* after(desk.learned(), 55), "b")
      assert.strictEqual(second.asked, 1)
    }))

  it.effect("is sent once while the service refuses most calls", () =>
    Effect.gen(function*() {
      const { after, desk, members: [first, second] } = yield* makeDesk(1000, 10)
      first.says = second.says = refused
      yield* Effect.all(Array.from({ length: 30 }, () => Effect.exit(desk.plain())))
      first.says = second.says = Effect.undefined
      const calls = Array.from({ length: 20 }, () => desk.fixed())
      const calling = yield* Effect.forkChild(Effect.all(calls.map(Effect.exit), { concurrency: "unbounded" }))
      yield* TestClock.adjust(500)
      assert.strictEqual(second.asked, 0)
      assert.strictEqual(first.asked, 20)
      yield* Fiber.interrupt(calling)
      // Ten seconds later it may be sent twice again.
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* after(desk.fixed(), 110), "b")
      // No lot is one that the throttle refuses.
    }).pipe(Effect.provideService(Random.Random, { nextDoubleUnsafe: () => 0.95, nextIntUnsafe: () => 0 })))
})

it.effect("a call is sent once where its method does not ask for more", () =>
  Effect.gen(function*() {
    const { after, desk, members: [, second] } = yield* makeDesk(4000, 10)
    assert.isUndefined(yield* after(desk.plain(), 3000))
    assert.strictEqual(second.asked, 0)
  }))

it("a stream cannot be hedged", () => {
  assert.throws(
    () => Contract.method({ success: Contract.stream(Schema.String), idempotent: true, hedge: "p95" }),
    "one message each way"
  )
})
