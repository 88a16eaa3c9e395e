/** Names for instances that nobody else will pick: 128 bits from `Random`, in hexadecimal. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

export const make: Effect.Effect<string> = Effect.map(
  Effect.all(Array.from({ length: 4 }, () => Random.nextIntBetween(0, 0xffffffff))),
  (words) => words.map((word) => word.toString(16).padStart(8, "0")).join("")
)
