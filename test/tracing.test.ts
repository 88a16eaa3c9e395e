import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Contract from "../src/Contract.ts"
import * as Trace from "../src/internal/trace.ts"
import { LocalRpcLive } from "../src/Layers/LocalRpc.ts"
import { Registry } from "../src/Registry.ts"
import * as Rpc from "../src/Rpc.ts"
import { client, deadAddress, FirstSelector, inMemory, knowing, makeRegistry, network, serve } from "./suites/fleet.ts"
import { recording } from "./suites/recording.ts"
import { reasonOf } from "./suites/rpc.ts"

class Front extends Contract.Service<Front>()("front", {
  ask: Contract.method({ success: Schema.String }),
  list: Contract.method({ success: Contract.stream(Schema.String) }),
  fail: Contract.method({})
}) {}

/** Answers with the `traceparent` that came with the call. */
class Back extends Contract.Service<Back>()("back", {
  ask: Contract.method({ success: Schema.String }),
  list: Contract.method({ success: Contract.stream(Schema.String) })
}) {}

const traceparent = Effect.map(Rpc.CurrentCall, (call) => call?.headers["traceparent"] ?? "none")

/** Does not end by itself, so that what lasts as long as it does can be seen. */
const told = Stream.concat(Stream.fromEffect(traceparent), Stream.never)

const servers = Layer.mergeAll(
  Rpc.layerServer(Front, Effect.map(Back, (back) => ({ ...back, fail: () => Effect.die(new Error("out of ink")) }))),
  Rpc.layerClient(Front)
).pipe(
  Layer.provide(Rpc.layerClient(Back)),
  Layer.merge(Rpc.layerServer(Back, { ask: () => traceparent, list: () => told }))
)

/** The front's client; the front calls the back, and all is over the same `Rpc`. */
const build = (rpc: Layer.Layer<Rpc.Rpc, unknown>) =>
  Effect.map(Layer.build(Layer.provide(servers, rpc)), Context.get(Front))

const parentOf = (span: Tracer.Span): string | undefined =>
  span.parent._tag === "Some" ? span.parent.value.spanId : undefined

const outer = (sampled: boolean) =>
  Tracer.externalSpan({ traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", sampled })

for (const [name, rpc] of [["frames", network()], ["memory", inMemory()]] as const) {
  describe(`a trace of calls over ${name}`, () => {
    it.live("has a span for each call and each attempt of it, around the handler's", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recording()
        yield* Effect.gen(function*() {
          const front = yield* build(rpc)
          yield* front.ask()
        }).pipe(Effect.withSpan("work"), Effect.withTracer(tracer), Effect.scoped)

        assert.deepStrictEqual(spans.map(({ kind, name }) => [name, kind]), [
          ["work", "internal"],
          ["front/Front.ask", "internal"],
          ["front/Front.ask", "client"],
          ["front/Front.ask", "server"],
          ["back/Back.ask", "internal"],
          ["back/Back.ask", "client"],
          ["back/Back.ask", "server"]
        ])
        for (const [index, span] of spans.entries()) {
          assert.strictEqual(span.traceId, spans[0].traceId)
          assert.strictEqual(parentOf(span), spans[index - 1]?.spanId)
          assert.strictEqual(span.status._tag, "Ended")
        }
      }))

    it.live("lasts as long as a stream does", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recording()
        yield* Effect.gen(function*() {
          const front = yield* build(rpc)
          const open = yield* front.list().pipe(
            Stream.map(() => spans.map(({ status }) => status._tag)),
            Stream.runHead
          )
          assert.deepStrictEqual(Option.getOrThrow(open), Array.from({ length: 6 }, () => "Started"))
        }).pipe(Effect.withTracer(tracer), Effect.scoped)

        assert.deepStrictEqual(spans.map(({ kind, name }) => [name, kind]), [
          ["front/Front.list", "internal"],
          ["front/Front.list", "client"],
          ["front/Front.list", "server"],
          ["back/Back.list", "internal"],
          ["back/Back.list", "client"],
          ["back/Back.list", "server"]
        ])
        for (const [index, span] of spans.entries()) {
          assert.strictEqual(parentOf(span), spans[index - 1]?.spanId)
          assert.strictEqual(span.status._tag, "Ended")
        }
      }))

    it.live("shows that a call failed, and why", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recording()
        yield* Effect.gen(function*() {
          const front = yield* build(rpc)
          assert.strictEqual((yield* reasonOf(front.fail()))._tag, "RemoteDefect")
        }).pipe(Effect.withTracer(tracer), Effect.scoped)
        const [{ status }] = spans
        assert.include(status._tag === "Ended" ? String(status.exit) : "", "out of ink")
      }))

    it.live("passes through a process that records nothing", () =>
      Effect.gen(function*() {
        const front = yield* build(rpc)
        const expected = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        assert.strictEqual(yield* Effect.withParentSpan(front.ask(), outer(true)), expected)
        const listed = front.list().pipe(Stream.take(1), Stream.runCollect)
        assert.deepStrictEqual(yield* Effect.withParentSpan(listed, outer(true)), [expected])
      }))

    it.live("has no span that its head decided against, and is passed on as such", () =>
      Effect.gen(function*() {
        const { spans, tracer } = recording()
        const passed = yield* Effect.gen(function*() {
          const front = yield* build(rpc)
          return yield* Effect.withParentSpan(front.ask(), outer(false))
        }).pipe(Effect.withTracer(tracer), Effect.scoped)
        assert.deepStrictEqual(spans, [])
        assert.strictEqual(passed, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
      }))

    it.live("has nothing of the span that the server was started in", () =>
      Effect.gen(function*() {
        const front = yield* Effect.withParentSpan(build(rpc), outer(true))
        assert.strictEqual(yield* front.ask(), "none")
        assert.deepStrictEqual(yield* front.list().pipe(Stream.take(1), Stream.runCollect), ["none"])
      }))

    it.live("is none where nobody records", () =>
      Effect.gen(function*() {
        const front = yield* build(rpc)
        assert.strictEqual(yield* front.ask(), "none")
      }))
  })
}

describe("the span of an attempt", () => {
  /** What the attempts of a call say that meets instances which are not there, before one that is. */
  const attempts = (call: (back: Contract.Procedures<typeof Back["methods"]>) => Effect.Effect<unknown, unknown>) =>
    Effect.gen(function*() {
      const { spans, tracer } = recording()
      const { address } = yield* serve(Back, { ask: () => traceparent, list: () => Stream.fromEffect(traceparent) })
      const back = yield* client(Back, { registry: knowing("back", deadAddress, address), selector: FirstSelector })
      yield* Effect.withTracer(call(back), tracer)
      const [whole, ...attempts] = spans
      for (const attempt of attempts) assert.strictEqual(parentOf(attempt), whole.spanId)
      return { address, spans: attempts }
    })

  for (
    const [kind, call] of [
      ["a call", (back) => back.ask()],
      ["a stream", (back) => Stream.runDrain(back.list())]
    ] as ReadonlyArray<[string, Parameters<typeof attempts>[0]]>
  ) {
    it.live(`says where ${kind} went, after what, and whom it left out`, () =>
      Effect.gen(function*() {
        const { address, spans: [first, second, ...more] } = yield* attempts(call)
        assert.deepStrictEqual(more, [])
        assert.deepInclude(Object.fromEntries(first.attributes), {
          "rpc.attempt.number": 1,
          "rpc.instance.id": "a",
          "server.address": deadAddress
        })
        assert.strictEqual(first.status._tag === "Ended" ? first.status.exit._tag : "", "Failure")
        const facts = Object.fromEntries(second.attributes)
        assert.deepInclude(facts, {
          "rpc.attempt.number": 2,
          "rpc.instance.id": "b",
          "rpc.attempt.avoided": ["a"],
          "server.address": address
        })
        assert.include(String(facts["rpc.attempt.after"]), "cannot be reached")
      }))
  }

  it.live("names what an instance answered instead", () =>
    Effect.gen(function*() {
      const { spans, tracer } = recording()
      class Older extends Contract.Service<Older>()("back", { tell: Contract.method({}) }) {}
      const { address } = yield* serve(Older, { tell: () => Effect.void })
      const back = yield* client(Back, { registry: knowing("back", address) })
      yield* Effect.withTracer(reasonOf(back.ask()), tracer)
      const [, first, second] = spans
      assert.strictEqual(first.attributes.get("error.type"), "Unimplemented")
      // There is nobody else: the next attempt ends with that.
      assert.deepStrictEqual(second.attributes.get("rpc.attempt.excluded"), ["a"])
      assert.isFalse(second.attributes.has("rpc.instance.id"))
    }))
})

it.live("a trace begins at the server where only the server records", () =>
  Effect.gen(function*() {
    const { spans, tracer } = recording()
    const registry = Layer.succeed(Registry, yield* makeRegistry)
    const server = Rpc.layerServer(Back, { ask: () => traceparent, list: () => Stream.empty }).pipe(
      Layer.provide(network({ registry }))
    )
    yield* Effect.withTracer(Layer.build(server), tracer)
    const client = yield* Layer.build(Layer.provide(Rpc.layerClient(Back), network({ registry })))
    assert.strictEqual(yield* Context.get(client, Back).ask(), "none")
    assert.deepStrictEqual(spans.map(({ kind, name, parent }) => [name, kind, parent._tag]), [
      ["back/Back.ask", "server", "None"]
    ])
  }))

it.live("a handler in the same process works in the span of its caller", () =>
  Effect.gen(function*() {
    const { spans, tracer } = recording()
    yield* Effect.gen(function*() {
      const back = { ask: () => Effect.withSpan(Effect.succeed("done"), "inner"), list: () => Stream.empty }
      const layer = Layer.merge(Rpc.layerServer(Back, back), Rpc.layerClient(Back))
      const client = Context.get(yield* Layer.build(Layer.provide(layer, LocalRpcLive)), Back)
      yield* Effect.withSpan(client.ask(), "outer")
    }).pipe(Effect.withTracer(tracer), Effect.scoped)
    assert.deepStrictEqual(spans.map(({ name }) => name), ["outer", "inner"])
    assert.strictEqual(parentOf(spans[1]), spans[0].spanId)
  }))

describe("traceparent", () => {
  it("is written as W3C says, and read again", () => {
    const header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert.strictEqual(Trace.format(outer(true)), header)
    assert.deepInclude(Trace.parse(header), {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      sampled: true
    })
  })

  it.each([
    "",
    "none",
    "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
  ])("is ignored where it is not one: %s", (header) => {
    assert.isUndefined(Trace.parse(header))
  })
})
