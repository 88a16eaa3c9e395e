/**
 * Luck that can be had again: numbers by a seed, and the distributions of the model.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"

/** Draws numbers from 0 to 1. */
export type Draw = () => number

/** The service that Effect's code draws by. */
export const service = (seed: string): (typeof Random.Random)["Service"] =>
  Effect.runSync(Random.withSeed(Effect.withFiber((fiber) => Effect.succeed(fiber.getRef(Random.Random))), seed))

export const draw = (seed: string): Draw => {
  const random = service(seed)
  return () => random.nextDoubleUnsafe()
}

/** How long until the next one comes, where so many milliseconds pass on average. */
export const exponential = (mean: number, draw: Draw): number => -mean * Math.log(1 - draw())

/** How long a call takes that takes so long on average, with a deviation as large. */
export const logNormal = (mean: number, draw: Draw): number => {
  const normal = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw())
  return Math.exp(Math.log(mean) - Math.LN2 / 2 + Math.sqrt(Math.LN2) * normal)
}
