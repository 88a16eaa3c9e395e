import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import * as path from "node:path"
import * as readline from "node:readline"
import { Broker } from "../../src/Broker.ts"
import * as HttpBroker from "../../src/Layers/HttpBroker.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import { Instance, Registry } from "../../src/Registry.ts"
import { message } from "../suites/broker.ts"

const live = (options?: HttpBroker.Options) =>
  HttpBroker.layer(options).pipe(
    Layer.provideMerge(Layer.merge(
      Layer.provideMerge(RandomSelectorLive, MemoryRegistryLive),
      HttpTransport.layer({ host: "127.0.0.1" })
    )),
    Layer.merge(Layer.succeed(References.MinimumLogLevel, "None"))
  )

/** Processes that subscribe, and what all of them have told. */
const subscribers = Effect.gen(function*() {
  const registry = yield* Registry
  const scope = yield* Effect.scope
  const heard = new Map<string, number>()
  const latches = new Set<{ readonly count: number; readonly latch: Latch.Latch }>()
  let total = 0

  const hear = (word: string) => {
    heard.set(word, (heard.get(word) ?? 0) + 1)
    total++
    for (const { count, latch } of latches) if (total >= count) latch.openUnsafe()
  }
  /** Starts a process; gives what kills it without a word, after which the registry forgets it. */
  const start = (group = "") =>
    Effect.gen(function*() {
      const own = yield* Scope.fork(scope)
      const places = yield* Queue.unbounded<string>()
      const child = spawn(process.execPath, [path.join(import.meta.dirname, "subscriber.ts"), group], {
        stdio: ["ignore", "pipe", "inherit"]
      })
      const ended = yield* Latch.make(false)
      readline.createInterface(child.stdout)
        .on("line", (line) => line.startsWith("{") ? void Queue.offerUnsafe(places, line) : hear(line))
        .on("close", () => ended.openUnsafe())
      yield* Scope.addFinalizer(own, Effect.sync(() => child.kill("SIGKILL")))
      const instance = new Instance(JSON.parse(yield* Queue.take(places)))
      yield* Effect.orDie(Scope.provide(registry.register(instance), own))
      return Effect.andThen(
        Effect.sync(() => child.kill("SIGKILL")),
        Effect.andThen(ended.await, Scope.close(own, Exit.void))
      )
    })
  const until = (count: number) =>
    Effect.suspend(() => {
      const latch = Latch.makeUnsafe(total >= count)
      latches.add({ count, latch })
      return latch.await
    })
  return { start, heard, until }
})

describe("HttpBroker", () => {
  it.live(
    "loses nothing that was accepted when members of a group are killed and come back",
    () =>
      Effect.gen(function*() {
        const broker = yield* Broker
        const { heard, start, until } = yield* subscribers
        let victim = yield* start("g")
        yield* start("g")
        const words = Array.from({ length: 6000 }, (_, at) => `word ${at}`)
        const publishing = yield* Effect.forkChild(
          Effect.forEach(words, (word) => broker.publish("a", [message(word)]), { concurrency: 64 })
        )
        for (const kill of [1, 2, 3]) {
          yield* until(kill * 1000)
          const [next] = yield* Effect.all([start("g"), victim], { concurrency: 2 })
          victim = next
        }
        const receipts = yield* Fiber.join(publishing)
        assert.isTrue(receipts.every(({ acceptedBy }) => acceptedBy[0] === "g"))
        const lost = words.filter((word) => !heard.has(word))
        assert.deepStrictEqual(lost, [])
        // What a killed process had handled and not acknowledged: at most what was under way.
        const twice = [...heard.values()].reduce((sum, count) => sum + count - 1, 0)
        assert.isAtMost(twice, 3 * 64)
      }).pipe(Effect.provide(live())),
    60_000
  )

  it.live(
    "fails for a subscriber that was killed until it is no longer registered, and reaches it when it is back",
    () =>
      Effect.gen(function*() {
        const broker = yield* Broker
        const registry = yield* Registry
        const { start, until } = yield* subscribers
        const kill = yield* start()
        const publish = broker.publish("a", [message("one")])
        yield* Effect.repeat(publish, { until: ({ acceptedBy }) => acceptedBy.length === 1 })
        // Another one that has died without the registry's knowledge.
        const ghost = new Instance({
          id: "a-ghost",
          service: "micro.http.broker",
          version: "ff.http.broadcast",
          address: "micro://127.0.0.1:1",
          metadata: { broker: "http", topic: "a", secure: "false", carrier: "effect-micro" },
          endpoints: []
        })
        const known = yield* Scope.make()
        yield* Effect.orDie(Scope.provide(registry.register(ghost), known))
        const error = yield* Effect.flip(Effect.forever(publish))
        assert.match(error.message, /accepted by 1 and refused by 1; a-ghost: it was not accepted within 500 ms/)
        yield* Scope.close(known, Exit.void)
        yield* kill
        yield* Effect.repeat(Effect.exit(publish), {
          until: (exit) => exit._tag === "Success" && exit.value.acceptedBy.length === 0
        })
        yield* start()
        yield* Effect.repeat(publish, { until: ({ acceptedBy }) => acceptedBy.length === 1 })
        yield* until(2)
      }).pipe(Effect.provide(live({ timeout: "500 millis" }))),
    60_000
  )
})
