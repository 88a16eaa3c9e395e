import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as RpcError from "../src/RpcError.ts"

const who = { service: "acme.orders", method: "Orders.place" }

const tags = [
  "Unreachable",
  "Disconnected",
  "DeadlineExceeded",
  "Overloaded",
  "Unimplemented",
  "Malformed",
  "RemoteDefect"
] as const

describe("RpcError", () => {
  it.each(tags)("of reason %s says who was called, and what lies beneath", (tag) => {
    const error = RpcError.make(tag, { ...who, cause: new Error("the cable") })
    assert.instanceOf(error, RpcError.RpcError)
    assert.strictEqual(error.reason._tag, tag)
    assert.include(error.message, "acme.orders/Orders.place")
    // Time that is up has no other cause than that.
    if (tag !== "DeadlineExceeded" && tag !== "Overloaded") assert.include(error.message, "the cable")
  })

  it("says when to come back, where the instance said", () => {
    assert.include(RpcError.make("Overloaded", { ...who, retryAfter: 1500 }).message, "1500 ms")
    assert.notInclude(RpcError.make("Overloaded", who).message, "ms")
  })

  it("knows when no handler can have run", () => {
    const safe = tags.filter((tag) => RpcError.make(tag, who).neverRan)
    assert.deepStrictEqual(safe, ["Unreachable", "Overloaded", "Unimplemented"])
  })

  it("keeps what lies beneath as it is", () => {
    const cause = new RangeError("far")
    assert.strictEqual(RpcError.make("Malformed", { ...who, cause }).reason.cause, cause)
  })

  it.effect("is caught by the name of its reason, and by no other", () =>
    Effect.gen(function*() {
      const call = (tag: RpcError.Reason["_tag"]): Effect.Effect<string, RpcError.RpcError> => RpcError.fail(tag, who)
      const caught = yield* call("Overloaded").pipe(
        Effect.catchReason("RpcError", "Overloaded", (reason) => Effect.succeed(`${reason.service} is busy`))
      )
      assert.strictEqual(caught, "acme.orders is busy")
      const missed = yield* call("Disconnected").pipe(
        Effect.catchReason("RpcError", "Overloaded", () => Effect.succeed("caught")),
        Effect.flip
      )
      assert.strictEqual(missed.reason._tag, "Disconnected")
    }))

  it.effect("is caught by several reasons at once", () =>
    Effect.gen(function*() {
      const call = (tag: RpcError.Reason["_tag"]): Effect.Effect<string, RpcError.RpcError> => RpcError.fail(tag, who)
      const careful = (tag: RpcError.Reason["_tag"]) =>
        call(tag).pipe(
          Effect.catchReasons("RpcError", {
            Overloaded: () => Effect.succeed("later"),
            Unreachable: () => Effect.succeed("elsewhere")
          }),
          Effect.catchTag("RpcError", () => Effect.succeed("never"))
        )
      assert.deepStrictEqual(yield* Effect.forEach(["Overloaded", "Unreachable", "Malformed"] as const, careful), [
        "later",
        "elsewhere",
        "never"
      ])
    }))

  it.each(tags)("of reason %s crosses a wire of its own as data", (tag) => {
    const codec = Schema.toCodecJson(RpcError.RpcError)
    const error = RpcError.make(tag, { ...who, cause: new Error("the cable") })
    const json: unknown = JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error)))
    const read = Schema.decodeUnknownSync(codec)(json)
    assert.instanceOf(read, RpcError.RpcError)
    assert.strictEqual(read.message, error.message)
  })
})
