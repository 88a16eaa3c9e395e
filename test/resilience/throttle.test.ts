import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../../src/Contract.ts"
import type * as NetworkRpc from "../../src/Layers/NetworkRpc.ts"
import { failure } from "../../src/Transport.ts"
import { reasonOf } from "../suites/rpc.ts"
import { answering, makeMemory } from "./memory.ts"

class Desk extends Contract.Service<Desk>()("desk", {
  place: Contract.method({ success: Schema.Void }),
  follow: Contract.method({ success: Contract.stream(Schema.Int) })
}) {}

const handlers: Contract.Procedures<typeof Desk["methods"]> = {
  place: () => Effect.void,
  follow: () => Stream.range(1, 3)
}

/** A service that takes so many calls a second, and refuses the others. Nothing is tried again. */
const makeDesk = (capacity: number, options?: NetworkRpc.Options) =>
  Effect.gen(function*() {
    const memory = yield* makeMemory
    const desk = { capacity, refusal: failure("Overloaded", ""), sent: 0, accepted: 0, call: Effect.void }
    let room = capacity
    const answer = Effect.sync(() => {
      desk.sent++
      if (room-- <= 0) return desk.refusal
      desk.accepted++
      return undefined
    })
    const address = yield* memory.serve(Desk, handlers, {
      transport: answering(memory.transport, answer)
    })
    const client = yield* memory.client(Desk, [address], { options: { retry: { attempts: 1 }, ...options } })
    /** Makes so many calls in each of so many seconds. */
    const load = (perSecond: number, seconds: number) =>
      Effect.gen(function*() {
        desk.sent = desk.accepted = 0
        for (let second = 0; second < seconds; second++) {
          room = desk.capacity
          for (let call = 0; call < perSecond; call++) yield* Effect.exit(client.place())
          yield* TestClock.adjust("1 second")
        }
        return { sent: desk.sent / seconds, accepted: desk.accepted / seconds }
      })
    return { client, desk, load }
  })

const seeded = (sentence: string, proof: Effect.Effect<void, unknown, never>) =>
  it.effect(sentence, () => Random.withSeed(proof, "throttle"))

describe("a client of a service that refuses most calls", () => {
  seeded(
    "sends about twice what is accepted, and loses nothing of it",
    Effect.scoped(Effect.gen(function*() {
      const { load } = yield* makeDesk(20)
      yield* load(200, 20)
      const { accepted, sent } = yield* load(200, 60)
      assert.strictEqual(accepted, 20)
      assert.isAtMost(sent, 50)
    }))
  )

  seeded(
    "sends a tenth when all are refused, and everything soon after there is room again",
    Effect.scoped(Effect.gen(function*() {
      const { desk, load } = yield* makeDesk(0)
      yield* load(100, 20)
      const { sent } = yield* load(100, 20)
      assert.isAtLeast(sent, 8)
      assert.isAtMost(sent, 12)
      desk.capacity = Infinity
      yield* load(100, 20)
      assert.strictEqual((yield* load(100, 5)).sent, 100)
    }))
  )

  seeded(
    "sends few streams as well",
    Effect.scoped(Effect.gen(function*() {
      const { client, load } = yield* makeDesk(0)
      yield* load(1000, 1)
      const exits = yield* Effect.all(Array.from({ length: 100 }, () => Effect.exit(Stream.runDrain(client.follow()))))
      const failed = exits.filter(({ _tag }) => _tag === "Failure")
      assert.isAbove(failed.length, 50)
    }))
  )

  seeded(
    "says that a call was not sent",
    Effect.scoped(Effect.gen(function*() {
      const { client, desk, load } = yield* makeDesk(0)
      yield* load(1000, 1)
      const before = desk.sent
      let reason = yield* reasonOf(client.place())
      while (desk.sent > before) {
        desk.sent = before
        reason = yield* reasonOf(client.place())
      }
      assert.strictEqual(reason._tag, "Overloaded")
      assert.include(reason.message, "was not sent")
    }))
  )
})

describe("a client that sends everything", () => {
  seeded(
    "is one that made few calls",
    Effect.scoped(Effect.gen(function*() {
      const { load } = yield* makeDesk(0)
      assert.strictEqual((yield* load(2, 100)).sent, 2)
    }))
  )

  seeded(
    "is one of a service that takes at least half",
    Effect.scoped(Effect.gen(function*() {
      const { load } = yield* makeDesk(50)
      yield* load(100, 10)
      assert.strictEqual((yield* load(100, 20)).sent, 100)
    }))
  )

  seeded(
    "is one whose calls fail for another reason",
    Effect.scoped(Effect.gen(function*() {
      const { desk, load } = yield* makeDesk(0)
      desk.refusal = failure("Defect", "")
      assert.strictEqual((yield* load(100, 20)).sent, 100)
    }))
  )

  seeded(
    "is one that was told to",
    Effect.scoped(Effect.gen(function*() {
      const { load } = yield* makeDesk(0, { throttle: false })
      assert.strictEqual((yield* load(100, 20)).sent, 100)
    }))
  )

  seeded(
    "is one that begins with many calls at once",
    Effect.scoped(Effect.gen(function*() {
      const memory = yield* makeMemory
      let sent = 0
      const place = () => Effect.andThen(Effect.sync(() => sent++), Effect.never)
      const address = yield* memory.serve(Desk, { ...handlers, place })
      const client = yield* memory.client(Desk, [address])
      for (let call = 0; call < 1000; call++) yield* Effect.forkScoped(client.place(), { startImmediately: true })
      assert.strictEqual(sent, 1000)
    }))
  )
})
