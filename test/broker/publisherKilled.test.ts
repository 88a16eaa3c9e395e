import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import * as path from "node:path"
import * as readline from "node:readline"
import * as Broker from "../../src/Broker.ts"
import { HttpBrokerLive } from "../../src/Layers/HttpBroker.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as JetStreamBroker from "../../src/Layers/JetStreamBroker.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import * as NatsBroker from "../../src/Layers/NatsBroker.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import * as RedisBroker from "../../src/Layers/RedisBroker.ts"
import { Registry } from "../../src/Registry.ts"
import * as Nats from "../servers/nats.ts"
import * as Redis from "../servers/redis.ts"
import { words } from "../suites/broker.ts"

/** A process that publishes; `enough` completes when so many of its events were accepted. */
const publisher = (name: string, where: string, count: number) =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [path.join(import.meta.dirname, "publisher.ts"), name, where], {
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    const accepted: Array<string> = []
    const enough = Latch.makeUnsafe(false)
    const ended = Latch.makeUnsafe(false)
    readline.createInterface(child.stdout)
      .on("line", (line) => {
        if (accepted.push(line) === count) enough.openUnsafe()
      })
      .on("close", () => ended.openUnsafe())
    const kill = Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), ended.await)
    return { accepted, enough: enough.await, kill }
  })

/** What was heard of all that a publisher was told is accepted, which is killed in the middle of it. */
const killed = (name: string, where: Effect.Effect<string, never, Broker.Broker | Registry>) =>
  Effect.gen(function*() {
    const heard = new Map<string, number>()
    const last = Deferred.makeUnsafe<void>()
    yield* Broker.subscribe(words("a"), (word) =>
      Effect.sync(() => {
        heard.set(word, (heard.get(word) ?? 0) + 1)
        if (word === "last") Deferred.doneUnsafe(last, Exit.void)
      }))
    const { accepted, enough, kill } = yield* publisher(name, yield* where, 300)
    yield* enough
    yield* kill
    // What a server has taken before, comes before.
    yield* Broker.publish(words("a"), "last")
    yield* Deferred.await(last)
    assert.isAtLeast(accepted.length, 300)
    assert.deepStrictEqual(accepted.filter((word) => heard.get(word) !== 1), [])
  })

const law = <E>(
  name: string,
  layer: Layer.Layer<Broker.Broker | Registry, E>,
  where: Effect.Effect<string, never, Broker.Broker | Registry>
): Effect.Effect<void, unknown, Scope.Scope> => Effect.provide(killed(name, where), Layer.merge(layer, JsonCodecLive))

const sentence = "delivers once what was accepted of a publisher that is killed"

describe("HttpBroker", () => {
  const layer = Layer.provideMerge(
    HttpBrokerLive,
    Layer.merge(
      Layer.provideMerge(RandomSelectorLive, MemoryRegistryLive),
      HttpTransport.layer({ host: "127.0.0.1" })
    )
  )
  const subscriber = Effect.flatMap(Registry, (registry) =>
    registry.watch("micro.http.broker").pipe(
      Stream.filter((instances) => instances.length > 0),
      Stream.map(([instance]) => JSON.stringify(instance)),
      Stream.runHead,
      Effect.flatMap(Effect.fromOption),
      Effect.orDie
    ))
  it.live(sentence, () => law("HttpBroker", layer, subscriber), 30_000)
})

describe.skipIf(Nats.isMissing)("with nats-server", () => {
  it.live(
    `NatsBroker ${sentence}`,
    () =>
      Effect.flatMap(
        Nats.open(),
        ({ url }) =>
          law("NatsBroker", Layer.merge(NatsBroker.layer({ servers: url }), MemoryRegistryLive), Effect.succeed(url))
      ),
    30_000
  )

  it.live(
    `JetStreamBroker ${sentence}`,
    () =>
      Effect.flatMap(Nats.open({ jetStream: true }), ({ url }) =>
        law(
          "JetStreamBroker",
          Layer.merge(JetStreamBroker.layer({ servers: url }), MemoryRegistryLive),
          Effect.succeed(url)
        )),
    30_000
  )
})

describe.skipIf(Redis.isMissing)("with redis-server", () => {
  it.live(
    `RedisBroker ${sentence}`,
    () =>
      Effect.flatMap(
        Redis.open(),
        ({ url }) =>
          law("RedisBroker", Layer.merge(RedisBroker.layer({ url }), MemoryRegistryLive), Effect.succeed(url))
      ),
    30_000
  )
})
