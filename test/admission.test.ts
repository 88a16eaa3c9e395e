import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../src/Contract.ts"
import { LocalRpcLive } from "../src/Layers/LocalRpc.ts"
import * as Rpc from "../src/Rpc.ts"
import { type Failure, isFailure, type Reply } from "../src/Transport.ts"
import { inMemory, overHttp } from "./suites/fleet.ts"
import { type Door, open, type Options } from "./suites/overload.ts"

const failureOf = (reply: Reply): Failure | undefined => isFailure(reply) ? reply : undefined

const text = (reply: Reply): string => new TextDecoder().decode(isFailure(reply) ? reply.body : reply)

/** One call at a time, each of which ends when told; and the ledger of those that began. */
const makeDesk = (limit: Options["limit"], changed?: Options["handlers"]) =>
  Effect.gen(function*() {
    const ran: Array<number> = []
    const ends = yield* Queue.unbounded<void>()
    const grind = (grain: number) =>
      Effect.andThen(Effect.sync(() => ran.push(grain)), Effect.as(Queue.take(ends), grain))
    const door = yield* open({ limit, handlers: { grind, ...changed } })
    return { door, ran, end: Queue.offer(ends, undefined) }
  })

const single = { min: 1, max: 1 }

/** Asks in a fiber of its own, which has come as far as it can when this returns. */
const ask = (door: Door, grain: number, head?: Parameters<Door["ask"]>[2]) =>
  Effect.forkChild(door.ask("grind", grain, head), { startImmediately: true })

const low = { headers: { "call-priority": "low" } }

describe("a call that finds no place", () => {
  it.effect("waits for one, in the order of coming, and never do more run than may", () =>
    Effect.gen(function*() {
      const { door, end, ran } = yield* makeDesk({ min: 2, max: 2 })
      const calls = yield* Effect.forEach([1, 2, 3, 4], (grain) => ask(door, grain))
      assert.deepStrictEqual(ran, [1, 2])
      assert.strictEqual(door.read("rpc.server.active_requests"), 2)
      assert.strictEqual(door.read("rpc.server.queue.length"), 2)
      yield* end
      yield* Fiber.join(calls[0])
      assert.deepStrictEqual(ran, [1, 2, 3])
      yield* Effect.all([end, end, end])
      const replies = yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(replies.map(text), ["1", "2", "3", "4"])
      yield* Effect.yieldNow
      assert.strictEqual(door.read("rpc.server.queue.length"), 0)
      assert.strictEqual(door.read("rpc.server.active_requests"), 0)
    }))

  it.effect("is refused where the queue is full, and told when to come back", () =>
    Effect.gen(function*() {
      const { door, ran } = yield* makeDesk({ ...single, queue: 1 })
      yield* ask(door, 1)
      yield* ask(door, 2)
      const hints = yield* Effect.forEach([3, 4, 5], (grain) =>
        Effect.map(door.ask("grind", grain), (reply) => {
          assert.strictEqual(failureOf(reply)?.status, "Overloaded")
          assert.include(text(reply), "mill")
          return failureOf(reply)!.retryAfter!
        }))
      for (const hint of hints) assert.isTrue(hint >= 25 && hint <= 10_000)
      assert.strictEqual(new Set(hints).size, 3, "those that are refused together come back one by one")
      assert.deepStrictEqual(ran, [1])
      assert.strictEqual(door.read("rpc.server.shed"), 3)
    }))

  it.effect("is refused where the bytes of those that wait are too many", () =>
    Effect.gen(function*() {
      const { door } = yield* makeDesk(single)
      yield* ask(door, 1)
      const large = (grain: number) =>
        Effect.forkChild(door.ask("grind", " ".repeat(9 << 20) + grain), { startImmediately: true })
      yield* large(2)
      const third = yield* large(3)
      assert.strictEqual(failureOf(yield* Fiber.join(third))?.status, "Overloaded")
      yield* ask(door, 4)
      assert.strictEqual(door.read("rpc.server.queue.length"), 2)
    }))

  it.effect("waits no longer than its patience", () =>
    Effect.gen(function*() {
      const { door, ran } = yield* makeDesk({ ...single, patience: "200 millis" })
      yield* ask(door, 1)
      const waiting = yield* ask(door, 2)
      yield* TestClock.adjust("199 millis")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(failureOf(yield* Fiber.join(waiting))?.status, "Overloaded")
      assert.deepStrictEqual(ran, [1])
    }))

  it.live("is not refused for a time in which the process stood still", () =>
    Effect.gen(function*() {
      const door = yield* open({
        limit: { ...single, patience: "50 millis" },
        // Twice: the first turn may be that of the test, and its timers are behind it.
        handlers: { grind: (grain) => Effect.as(Effect.andThen(Effect.yieldNow, Effect.yieldNow), grain) }
      })
      const calls = yield* Effect.forEach([1, 2], (grain) => ask(door, grain))
      const start = performance.now()
      while (performance.now() - start < 300);
      assert.deepStrictEqual((yield* Fiber.joinAll(calls)).map(text), ["1", "2"])
    }))

  it.effect("never runs once its deadline has passed", () =>
    Effect.gen(function*() {
      const { door, end, ran } = yield* makeDesk(single)
      yield* ask(door, 1)
      const late = yield* ask(door, 2, { timeout: 50 })
      const patient = yield* ask(door, 3)
      yield* TestClock.adjust("60 millis")
      assert.strictEqual(failureOf(yield* Fiber.join(late))?.status, "DeadlineExceeded")
      yield* end
      yield* end
      assert.strictEqual(text(yield* Fiber.join(patient)), "3")
      assert.deepStrictEqual(ran, [1, 3])
    }))

  it.effect("never runs once its caller has gone, and leaves nothing", () =>
    Effect.gen(function*() {
      const { door, end, ran } = yield* makeDesk(single)
      const first = yield* ask(door, 1)
      yield* Fiber.interrupt(yield* ask(door, 2))
      assert.strictEqual(door.read("rpc.server.queue.length"), 0)
      yield* end
      yield* Fiber.join(first)
      assert.deepStrictEqual(ran, [1])
      assert.strictEqual(door.read("rpc.server.active_requests"), 0)
    }))

  it.effect("has what is left of its time when its turn comes", () =>
    Effect.gen(function*() {
      let left: number | undefined
      const grind = (grain: number) =>
        Effect.gen(function*() {
          if (grain === 1) return yield* Effect.as(Effect.sleep(400), grain)
          const deadline = (yield* Rpc.CurrentDeadline)!
          left = deadline - Number(yield* TestClock.testClockWith((clock) => clock.monotonicTimeNanos)) / 1e6
          return grain
        })
      const door = yield* open({ limit: single, handlers: { grind } })
      yield* ask(door, 1)
      const second = yield* ask(door, 2, { timeout: 1000 })
      yield* TestClock.adjust(400)
      yield* Fiber.join(second)
      assert.approximately(left ?? 0, 600, 1)
    }))

  it.effect("moves elsewhere when the server leaves", () =>
    Effect.gen(function*() {
      const { door, end, ran } = yield* makeDesk(single)
      const first = yield* ask(door, 1)
      const waiting = yield* ask(door, 2)
      const leaving = yield* Effect.forkChild(door.leave, { startImmediately: true })
      assert.strictEqual(failureOf(yield* Fiber.join(waiting))?.status, "Unavailable")
      yield* end
      assert.strictEqual(text(yield* Fiber.join(first)), "1")
      yield* Fiber.join(leaving)
      assert.deepStrictEqual(ran, [1])
      assert.isEmpty(door.snapshot())
    }))
})

describe("a queue", () => {
  it.effect("lets the newest go first once the oldest has waited for half of its patience", () =>
    Effect.gen(function*() {
      const { door, end, ran } = yield* makeDesk(single)
      const first = yield* ask(door, 1)
      yield* ask(door, 2)
      yield* ask(door, 3)
      yield* TestClock.adjust("260 millis")
      const newest = yield* ask(door, 4)
      yield* end
      yield* Fiber.join(first)
      yield* end
      yield* Fiber.join(newest)
      yield* Effect.yieldNow
      assert.deepStrictEqual(ran, [1, 4, 3])
    }))

  it.effect("keeps streams for ten times as long as calls", () =>
    Effect.gen(function*() {
      const { door, end } = yield* makeDesk(single, { watch: () => Stream.make(1) })
      yield* ask(door, 1)
      const call = yield* ask(door, 2)
      const streams = yield* Effect.forEach(
        Array.from({ length: 100 }),
        () => Effect.forkChild(Stream.runCollect(door.watch), { startImmediately: true })
      )
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(failureOf(yield* Fiber.join(call))?.status, "Overloaded")
      assert.strictEqual(door.read("rpc.server.queue.length"), 100)
      yield* end
      const replies = yield* Fiber.joinAll(streams)
      assert.deepStrictEqual(replies.flat().map(text), replies.map(() => "1"))
      yield* ask(door, 3)
      const late = yield* Effect.forkChild(Stream.runCollect(door.watch), { startImmediately: true })
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual((yield* Fiber.join(late)).map((reply) => failureOf(reply)?.status), ["Overloaded"])
    }))

  it.effect("lets calls of low priority wait for the others", () =>
    Effect.gen(function*() {
      const { door, end, ran } = yield* makeDesk(single)
      yield* ask(door, 1)
      const last = yield* ask(door, 2, low)
      yield* ask(door, 3)
      yield* Effect.all([end, end, end])
      yield* Fiber.join(last)
      assert.deepStrictEqual(ran, [1, 3, 2])
    }))

  it.effect("that is full refuses calls of low priority first, even one that waits already", () =>
    Effect.gen(function*() {
      const { door, end, ran } = yield* makeDesk({ ...single, queue: 2 })
      yield* ask(door, 1)
      const less = yield* ask(door, 2, low)
      const normal = yield* ask(door, 3)
      assert.strictEqual(failureOf(yield* door.ask("grind", 4, low))?.status, "Overloaded")
      assert.isUndefined(less.pollUnsafe())
      const other = yield* ask(door, 5)
      assert.strictEqual(failureOf(yield* Fiber.join(less))?.status, "Overloaded")
      yield* Effect.all([end, end, end])
      yield* Fiber.joinAll([normal, other])
      assert.deepStrictEqual(ran, [1, 3, 5])
    }))

  it.effect("of handlers that are done at once empties without a handler of its own for each", () =>
    Effect.gen(function*() {
      const gate = yield* Queue.unbounded<void>()
      const grind = (grain: number) => grain === 0 ? Effect.as(Queue.take(gate), 0) : Effect.sync(() => grain)
      const door = yield* open({ limit: { ...single, queue: 5000 }, handlers: { grind } })
      yield* ask(door, 0)
      const many = yield* Effect.forEach(
        Array.from({ length: 5000 }, (_, index) => index + 1),
        (grain) => ask(door, grain)
      )
      yield* Queue.offer(gate, undefined)
      assert.deepStrictEqual((yield* Fiber.joinAll(many)).map(text), many.map((_, index) => String(index + 1)))
      assert.strictEqual(door.read("rpc.server.queue.length"), 0)
    }))
})

describe("a full server", () => {
  it.effect("answers methods that are not limited", () =>
    Effect.gen(function*() {
      const { door } = yield* makeDesk({ ...single, queue: 0 })
      yield* ask(door, 1)
      assert.strictEqual(failureOf(yield* door.ask("grind", 2))?.status, "Overloaded")
      assert.isUndefined(failureOf(yield* door.ask("health", undefined)))
    }))

  it.effect("begins no stream, and is not filled by those that run", () =>
    Effect.gen(function*() {
      const { door, end } = yield* makeDesk({ ...single, queue: 0 }, {
        watch: () => Stream.concat(Stream.make(1), Stream.never)
      })
      const begun = yield* Effect.forEach([1, 2, 3], () => Effect.forkChild(Stream.runDrain(door.watch)))
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(door.watch, 1)), [new TextEncoder().encode("1")])
      const running = yield* ask(door, 1)
      assert.isUndefined(running.pollUnsafe())
      const refused = yield* Effect.map(Stream.runHead(door.watch), Option.getOrThrow)
      assert.strictEqual(failureOf(refused)?.status, "Overloaded")
      yield* end
      assert.strictEqual(text(yield* Fiber.join(running)), "1")
      yield* Fiber.interruptAll(begun)
    }))

  it.effect("lets every call run where there is no limit", () =>
    Effect.gen(function*() {
      const { door, ran } = yield* makeDesk(false)
      yield* Effect.forEach(Array.from({ length: 3000 }, (_, index) => index), (grain) => ask(door, grain))
      assert.strictEqual(ran.length, 3000)
    }))

  it.effect("says no to limits that make no sense", () =>
    Effect.gen(function*() {
      for (const limit of [{ min: 0 }, { max: 3 }, { min: 8, max: 4 }, { queue: -1 }, { max: Number.NaN }]) {
        const exit = yield* Effect.exit(open({ limit, handlers: {} }))
        assert.isTrue(Exit.hasDies(exit))
      }
    }))
})

describe("calls have the priority of the call that makes them", () => {
  class Echo extends Contract.Service<Echo>()("echo", {
    priority: Contract.method({ success: Schema.String }),
    onward: Contract.method({ success: Schema.String })
  }) {}
  const priority = Effect.map(Rpc.CurrentCall, (call) => call?.headers["call-priority"] ?? "none")
  const handlers = Effect.map(Rpc.Rpc, (rpc) => ({
    priority: () => priority,
    onward: () => Effect.flatMap(rpc.client(Echo), (echo) => Effect.orDie(echo.priority()))
  }))
  for (const [road, rpc] of [["a network", inMemory()], ["nothing", LocalRpcLive]] as const) {
    it.live(`over ${road}`, () =>
      Effect.gen(function*() {
        const echo = yield* Echo
        assert.strictEqual(yield* echo.onward(), "none")
        assert.strictEqual(yield* Rpc.withPriority(echo.onward(), "low"), "low")
        assert.strictEqual(yield* echo.priority().pipe(Rpc.withPriority("normal"), Rpc.withPriority("low")), "normal")
      }).pipe(
        Effect.provide(
          Layer.merge(Rpc.layerServer(Echo, handlers), Rpc.layerClient(Echo)).pipe(
            Layer.provide(rpc as Layer.Layer<Rpc.Rpc, unknown>)
          )
        )
      ))
  }
})

describe("the metrics of a server", () => {
  it.effect("have a histogram of each method and each outcome, in seconds", () =>
    Effect.gen(function*() {
      const door = yield* open({
        handlers: { grind: (grain) => grain < 0 ? Effect.die("grit") : Effect.as(Effect.sleep(grain), grain) }
      })
      const calls = yield* Effect.forEach([30, 40, -1, 3000], (grain) => ask(door, grain, { timeout: 2000 }))
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.joinAll(calls)
      yield* door.ask("health", undefined)
      yield* door.ask("grind", "grain")
      const outcomes = door.snapshot().flatMap((series) =>
        series.id === "rpc.server.call.duration" && series.type === "Histogram"
          ? [[
            series.attributes?.["rpc.method"],
            series.attributes?.["rpc.response.status_code"],
            series.state.count,
            Math.round(series.state.sum * 100) / 100
          ]]
          : []
      )
      assert.sameDeepMembers(outcomes, [
        ["mill/Mill.grind", "OK", 2, 0.07],
        ["mill/Mill.grind", "Defect", 1, 0],
        ["mill/Mill.grind", "Cancelled", 1, 2],
        ["mill/Mill.grind", "Malformed", 1, 0],
        ["mill/Mill.health", "OK", 1, 0]
      ])
      assert.strictEqual(door.read("rpc.server.limit"), 100)
    }))
})

it.live("a flood of ten times what a server can do leaves it answering, over sockets", () =>
  Effect.gen(function*() {
    const stones = yield* Semaphore.make(2)
    const bound = 100
    let running = 0
    let most = 0
    const door = yield* open({
      transport: overHttp(),
      limit: { max: 50, queue: bound, patience: "1 minute" },
      handlers: {
        grind: (grain) =>
          Effect.suspend(() => {
            most = Math.max(most, ++running)
            return Effect.as(stones.withPermits(1)(Effect.sleep(2)), grain)
          }).pipe(Effect.ensuring(Effect.sync(() => running--)))
      }
    })
    const seen = { longest: 0 }
    const health = Effect.repeat(
      Effect.map(door.ask("health", undefined), (reply) => {
        seen.longest = Math.max(seen.longest, door.read("rpc.server.queue.length"))
        return assert.isUndefined(failureOf(reply))
      }),
      { times: 50 }
    )
    const [replies] = yield* Effect.all([
      Effect.all(Array.from({ length: 2000 }, (_, grain) => door.ask("grind", grain, { timeout: 60_000 })), {
        concurrency: "unbounded"
      }),
      health
    ], { concurrency: 2 })
    const failures = replies.flatMap((reply) => failureOf(reply) ?? [])
    assert.isAbove(failures.length, 1500)
    for (const { retryAfter, status } of failures) {
      assert.strictEqual(status, "Overloaded")
      assert.isAtLeast(retryAfter ?? 0, 25)
    }
    assert.isAtLeast(replies.length - failures.length, bound)
    assert.isAtMost(most, 50)
    assert.isTrue(seen.longest > 0 && seen.longest <= bound)
    assert.isUndefined(failureOf(yield* door.ask("grind", 1)))
    assert.strictEqual(door.read("rpc.server.active_requests"), 0)
  }), 60_000)

it.live(
  "handlers that compute and never wait keep a server from nothing for long, over sockets",
  () =>
    Effect.gen(function*() {
      let ran = 0
      const compute = (grain: number) =>
        Effect.sync(() => {
          ran++
          for (const end = performance.now() + 5; performance.now() < end;);
          return grain
        })
      const door = yield* open({
        transport: overHttp(),
        limit: { queue: 200, patience: "1 minute" },
        handlers: { grind: compute }
      })
      const flood = Array.from({ length: 2000 }, (_, grain) => door.ask("grind", grain, { timeout: 60_000 }))
      const flooding = yield* Effect.forkChild(Effect.all(flood, { concurrency: "unbounded" }), {
        startImmediately: true
      })
      assert.isUndefined(failureOf(yield* door.ask("health", undefined)))
      const before = ran
      const replies = yield* Fiber.join(flooding)
      const failures = replies.flatMap((reply) => failureOf(reply) ?? [])
      assert.isBelow(before, ran, "it was answered before the last of those that had come before it")
      assert.strictEqual(replies.length - failures.length, ran, "and what was refused never ran")
      assert.isTrue(ran >= 200 && ran < 1500)
      assert.isTrue(failures.every(({ status }) => status === "Overloaded"))
    }),
  60_000
)

it.live("hundreds of calls that come first, and wait for something slow, are all taken", () =>
  Effect.gen(function*() {
    const door = yield* open({
      transport: overHttp(),
      // More than usual, since a machine that is busy with something else looks like a server that is.
      limit: { patience: "3 seconds" },
      handlers: { grind: (grain) => Effect.as(Effect.sleep("4 seconds"), grain) }
    })
    const replies = yield* Effect.all(Array.from({ length: 400 }, (_, grain) => door.ask("grind", grain)), {
      concurrency: "unbounded"
    })
    assert.deepStrictEqual(replies.map(text), replies.map((_, grain) => String(grain)))
  }), 30_000)
