import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import * as Rpc from "../../src/Rpc.ts"
import * as Transport from "../../src/Transport.ts"
import { client, knowing, overHttp, serve } from "../suites/fleet.ts"

class Clock extends Contract.Service<Clock>()("clock", {
  ticks: Contract.method({ payload: { count: Schema.Int }, success: Contract.stream(Schema.String) })
}) {}

/** The method that is called, as far as whoever asks can see. */
const method = Effect.map(Rpc.CurrentCall, (call) => call?.method ?? "none")

const handlers: Contract.Procedures<typeof Clock["methods"]> = {
  ticks: ({ count }) => Stream.range(1, count).pipe(Stream.rechunk(1), Stream.mapEffect(() => method))
}

describe("the fiber of a stream over a multiplexed connection", () => {
  it.live("runs a handler in its own context, from the first element to the last", () =>
    Effect.gen(function*() {
      const { address } = yield* serve(Clock, handlers, { transport: overHttp() })
      const clock = yield* client(Clock, { registry: knowing("clock", address) })
      const seen = yield* Stream.runCollect(clock.ticks({ count: 3 }))
      assert.deepStrictEqual(seen, ["Clock.ticks", "Clock.ticks", "Clock.ticks"])
    }))

  it.live("keeps that from middleware in front of the handler", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const look = Effect.map(method, (name) => void seen.push(name))
      const looking = Transport.layerWrap({
        server: (next) => ({ ...next, stream: (call, messages) => Stream.tap(next.stream(call, messages), () => look) })
      })
      const { address } = yield* serve(Clock, handlers, { transport: Layer.provide(looking, overHttp()) })
      const clock = yield* client(Clock, { registry: knowing("clock", address) })
      yield* Stream.runDrain(clock.ticks({ count: 3 }))
      assert.deepStrictEqual(seen, ["none", "none", "none"])
    }))
})
