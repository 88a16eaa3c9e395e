import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { Registry } from "../src/Registry.ts"
import { client, deadAddress, knowing, makeRegistry, relay, serve } from "./suites/fleet.ts"
import { Slow } from "./suites/process.ts"
import { handlers, makeHang, reasonOf, Shop } from "./suites/rpc.ts"

/** What `NodeRuntime.runMain` says of a program that was interrupted. */
const interrupted = 130

describe("a process that serves and is told to end", () => {
  it.live("answers the call that runs, and is gone within a second", () =>
    Effect.gen(function*() {
      const child = yield* start()
      const slow = yield* client(Slow, { registry: knowing(Slow.key, yield* child.line) })
      const working = yield* Effect.forkChild(slow.work())
      assert.strictEqual(yield* child.line, "working")
      yield* child.terminate
      assert.strictEqual(yield* Fiber.join(working), "done")
      const [elapsed, code] = yield* Effect.timed(child.exit)
      assert.strictEqual(code, interrupted)
      assert.isBelow(Duration.toMillis(elapsed), 1000)
    }))

  it.live("is gone within a second though a client holds on to a stream", () =>
    Effect.gen(function*() {
      const child = yield* start("hurry")
      const slow = yield* client(Slow, { registry: knowing(Slow.key, yield* child.line) })
      const begun = yield* Queue.unbounded<string>()
      const holding = yield* Effect.forkChild(
        reasonOf(Stream.runForEach(slow.idle(), (word) => Queue.offer(begun, word)))
      )
      yield* Queue.take(begun)
      yield* child.terminate
      const [elapsed, code] = yield* Effect.timed(child.exit)
      assert.strictEqual(code, interrupted)
      assert.isBelow(Duration.toMillis(elapsed), 1000)
      assert.include(["Disconnected", "RemoteDefect"], (yield* Fiber.join(holding))._tag)
    }))
})

describe("when all is closed, nothing is left", () => {
  it.live("of a fleet over HTTP that was used in every way", () =>
    Effect.gen(function*() {
      const before = resources()
      let fibers = 0
      let ever = 0
      const counting = {
        recordFiberStart: () => {
          fibers++
          ever++
        },
        recordFiberEnd: () => void fibers--
      }
      // Once before, because what the first use of a module keeps for good is no leak.
      yield* Effect.scoped(exercise)
      for (let round = 0; round < 5; round++) {
        yield* exercise.pipe(Effect.scoped, Effect.provideService(Metric.FiberRuntimeMetrics, counting))
      }
      // The kernel and the event loop take a moment to let go of a socket that was closed.
      yield* settled(() => fibers === 0 && resources().length <= before.length)
      assert.isAbove(ever, 500)
      assert.strictEqual(fibers, 0)
      assert.deepStrictEqual(resources(), before)
    }))
})

// ---------------------------------------------------------------------------------------------------------------------

/** A fleet that is called in every way: to the end, given up, in vain, over a wire that is cut. */
const exercise = Effect.gen(function*() {
  const registry = Layer.succeed(Registry, yield* makeRegistry)
  const { hang, started } = yield* makeHang
  const first = yield* serve(Shop, { ...handlers, ping: () => hang }, { registry })
  yield* serve(Shop, handlers, { registry })
  const shop = yield* client(Shop, { registry })
  yield* Effect.all(Array.from({ length: 100 }, () => shop.place({ sku: "pen", count: 1 })), { concurrency: 10 })
  yield* Stream.runDrain(shop.follow(1000))
  yield* shop.follow(100_000).pipe(Stream.take(3), Stream.runDrain)
  yield* shop.total(Stream.range(1, 1000))
  yield* Effect.flip(shop.place({ sku: "pen", count: 10 }))

  assert.includeMembers([...resources()], ["TCPServerWrap", "TCPSocketWrap"])

  const wire = yield* relay(first.address)
  const cut = yield* client(Shop, { registry: knowing(Shop.key, deadAddress, wire.address) })
  const broken = yield* Effect.forkChild(reasonOf(cut.ping()))
  yield* started
  yield* wire.cut
  assert.strictEqual((yield* Fiber.join(broken))._tag, "Disconnected")
  const given = yield* Effect.forkChild(cut.ping(), { startImmediately: true })
  yield* Fiber.interrupt(given)
})

/** Waits until something is so, or two seconds have passed. */
const settled = (isSo: () => boolean) => Effect.repeat(Effect.sleep("5 millis"), { until: isSo, times: 400 })

/** What keeps the event loop of this process busy. */
const resources = (): ReadonlyArray<string> =>
  process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|Immediate/.test(name)).toSorted()

/** Starts a process that serves; what it says comes line by line. */
const start = (...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const lines = yield* Queue.unbounded<string>()
    const exited = yield* Queue.unbounded<number | null>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const file = path.join(import.meta.dirname, "suites", "process.ts")
        const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "inherit"] })
        createInterface(child.stdout).on("line", (line) => Queue.offerUnsafe(lines, line))
        child.on("exit", (code) => Queue.offerUnsafe(exited, code))
        return child
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    return {
      line: Queue.take(lines),
      exit: Queue.take(exited),
      terminate: Effect.sync(() => child.kill("SIGTERM"))
    }
  })
