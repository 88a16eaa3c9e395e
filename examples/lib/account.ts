/**
 * What is told at the end: the facts, and whether all that was claimed held.
 */
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** Something that was claimed did not hold. */
export class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

/** Prints facts, then claims; fails where one of the claims did not hold. */
export const account = Effect.fn("account")(function*(
  facts: Readonly<Record<string, string>>,
  claims: Readonly<Record<string, boolean>>
) {
  for (const [name, fact] of Object.entries(facts)) yield* Console.log(`  ${name.padEnd(20)}${fact}`)
  const broken = Object.keys(claims).filter((claim) => !claims[claim])
  for (const claim of Object.keys(claims)) yield* Console.log(`  ${claims[claim] ? "held  " : "BROKEN"}  ${claim}`)
  if (broken.length > 0) return yield* new Broken({ message: `Not so: ${broken.join("; ")}` })
})

/** A time for people to read. */
export const millis = (time: number): string => `${time.toFixed(time < 10 ? 2 : 0)} ms`
