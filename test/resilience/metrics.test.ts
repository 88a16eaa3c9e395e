import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../../src/Contract.ts"
import { failure } from "../../src/Transport.ts"
import { FirstSelector } from "../suites/fleet.ts"
import { answering, breaking, makeMemory } from "./memory.ts"

class Refused extends Schema.TaggedError<Refused>("Refused")("Refused", {}) {}

class Desk extends Contract.Service<Desk>()("desk", {
  /** Takes so many milliseconds. */
  ask: Contract.method({ payload: Schema.Number, idempotent: true, hedge: "1 second" }),
  refuse: Contract.method({ error: Refused }),
  follow: Contract.method({ payload: Schema.Number, success: Contract.stream(Schema.Number) })
}) {}

const handlers: Contract.Procedures<typeof Desk["methods"]> = {
  ask: (millis) => Effect.sleep(millis),
  refuse: () => Effect.fail(new Refused()),
  follow: (count) => Stream.concat(Stream.range(1, count), count > 9 ? Stream.die("too many") : Stream.empty)
}

/** What the metrics of the client say: by name, and by name, method and outcome. */
const told = Effect.map(Metric.snapshot, (snapshots) => {
  const values: Record<string, unknown> = {}
  for (const { attributes, id, state } of snapshots) {
    if (attributes?.["rpc.service"] !== "desk" || !id.startsWith("rpc.client.")) continue
    const outcome = attributes["rpc.response.status_code"]
    const key = outcome === undefined ? id : `${id} ${attributes["rpc.method"]} ${outcome}`
    values[key.slice("rpc.client.".length)] = "buckets" in state
      ? [state.count, Math.round(state.sum * 1000)]
      : "count" in state
      ? state.count
      : "value" in state
      ? state.value
      : state
  }
  return values
})

/** A test with metrics of its own. */
const counted = <A, E>(effect: Effect.Effect<A, E>) => Effect.provideService(effect, Metric.MetricRegistry, new Map())

describe("the metrics of a client", () => {
  it.effect("tell how calls ended, and how long they took", () =>
    counted(Effect.scoped(Effect.gen(function*() {
      const memory = yield* makeMemory
      const desk = yield* memory.client(Desk, [yield* memory.serve(Desk, handlers)])
      const calling = yield* Effect.forkChild(Effect.all([desk.ask(20), desk.ask(30)], { concurrency: 2 }))
      yield* TestClock.adjust(30)
      yield* Fiber.join(calling)
      yield* Effect.exit(desk.refuse())
      yield* Stream.runDrain(desk.follow(3))
      yield* Stream.runDrain(Stream.take(desk.follow(3), 1))
      yield* Effect.exit(Stream.runDrain(desk.follow(10)))
      assert.deepInclude(yield* told, {
        "attempts": 6,
        "call.duration desk/Desk.ask OK": [2, 50],
        "call.duration desk/Desk.refuse Error": [1, 0],
        "call.duration desk/Desk.follow OK": [1, 0],
        "call.duration desk/Desk.follow Cancelled": [1, 0],
        "call.duration desk/Desk.follow RemoteDefect": [1, 0]
      })
    }))))

  it.effect("count a call once, whatever its attempts", () =>
    counted(Effect.scoped(Effect.gen(function*() {
      const memory = yield* makeMemory
      const address = yield* memory.serve(Desk, handlers)
      const desk = yield* memory.client(Desk, [address], {
        transport: breaking(memory.transport),
        options: { retry: { pause: 0 } }
      })
      yield* Effect.all(Array.from({ length: 6 }, () => Effect.exit(desk.ask(0))))
      const values = yield* told
      assert.deepInclude(values, {
        // Twelve were paid for: ten that were there, and six tenths and six twentieths that the calls earned.
        "attempts": 16,
        "retries.refused": 1,
        "retries.budget": 0,
        "call.duration desk/Desk.ask Disconnected": [6, 0]
      })
    }))))

  it.effect("count what was sent twice, and what was not sent", () =>
    counted(Effect.scoped(Effect.gen(function*() {
      const memory = yield* makeMemory
      let isBusy = false
      const transport = answering(
        memory.transport,
        Effect.sync(() => isBusy ? failure("Overloaded", "", Infinity) : undefined)
      )
      const addresses = [
        yield* memory.serve(Desk, { ...handlers, ask: () => Effect.never }, { transport }),
        yield* memory.serve(Desk, handlers, { transport })
      ]
      const desk = yield* memory.client(Desk, addresses, { selector: FirstSelector })
      const calling = yield* Effect.forkChild(desk.ask(0))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(calling)
      isBusy = true
      yield* Effect.all(Array.from({ length: 200 }, () => Effect.exit(desk.refuse())))
      const values = yield* told
      assert.strictEqual(values["hedges"], 1)
      assert.isAbove(values["throttled"] as number, 100)
      assert.strictEqual((values["attempts"] as number) + (values["throttled"] as number), 202)
      assert.deepStrictEqual(values["call.duration desk/Desk.refuse Overloaded"], [200, 0])
    }))))

  it.effect("do not count a second call that had nowhere to go", () =>
    counted(Effect.scoped(Effect.gen(function*() {
      const memory = yield* makeMemory
      const desk = yield* memory.client(Desk, [yield* memory.serve(Desk, handlers)])
      const calling = yield* Effect.forkChild(desk.ask(2000))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(calling)
      assert.strictEqual((yield* told)["hedges"], 0)
    }))))

  it.effect("add up what several clients did, and keep what one did that has left", () =>
    counted(Effect.scoped(Effect.gen(function*() {
      const memory = yield* makeMemory
      const address = yield* memory.serve(Desk, handlers)
      const use = Effect.flatMap(memory.client(Desk, [address]), (desk) => desk.ask(0))
      yield* Effect.all([use, use])
      yield* Effect.scoped(use)
      assert.deepInclude(yield* told, { "attempts": 3, "call.duration desk/Desk.ask OK": [3, 0], "retries.budget": 20 })
    }))))
})
