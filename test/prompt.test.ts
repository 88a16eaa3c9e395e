import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Prompt from "../src/internal/prompt.ts"

const Color = Context.Reference<string>("test/Color", { defaultValue: () => "none" })

const color = Prompt.make((fiber) => Exit.succeed(fiber.getRef(Color)))

/** What is left of an effect when the fiber has been asked to run it by hand. */
const byHand = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.withFiber((fiber) => Effect.succeed(Prompt.run(effect, fiber)))

describe("an effect that may be run by hand", () => {
  it.effect("is an effect like any other, as often as it is run", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* color, "none")
      assert.strictEqual(yield* Effect.provideService(color, Color, "red"), "red")
    }))

  it.effect("comes to the same by hand, for the fiber that is asked", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Effect.provideService(byHand(color), Color, "red"), Exit.succeed("red"))
      assert.strictEqual(Prompt.value(yield* byHand(color)), "none")
    }))

  it.effect("leaves to the fiber what it cannot do at once, and what is another effect", () =>
    Effect.gen(function*() {
      const others = [Effect.sync(() => "blue"), Prompt.make(() => Effect.sync(() => "blue"))]
      for (const other of others) {
        const left = yield* byHand(other)
        assert.isUndefined(Prompt.value(left))
        assert.strictEqual(yield* left, "blue")
      }
    }))

  it.effect("dies by hand as it does in a fiber", () =>
    Effect.gen(function*() {
      const died = Prompt.make((): Effect.Effect<string> => {
        throw new Error("dead")
      })
      assert.deepStrictEqual(yield* Effect.exit(died), yield* Effect.exit(yield* byHand(died)))
    }))
})
