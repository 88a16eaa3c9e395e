/**
 * What tells one selector from another: how it picks one of the candidates.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Instance } from "../../Registry.ts"
import type { Loads } from "../../Selector.ts"

/** One choice, and what it is made by. */
export interface Choice {
  readonly candidates: NonEmptyReadonlyArray<Instance>
  /**
   * All that are registered, candidates or not. The same array until that changes: a strategy that remembers something
   * of each instance learns from it who is new and who has gone.
   */
  readonly list: ReadonlyArray<Instance>
  readonly key: string | undefined
  /** A strategy that counts the calls of an instance learns from it how the call went: `loan.ts`. */
  readonly lease: Scope.Scope
  readonly clock: Clock.Clock
  readonly random: (typeof Random.Random)["Service"]
}

/** Picks for one service. */
export interface Picker {
  /** Never waits, so it is a plain function: an effect would cost as much as the choice. */
  readonly pick: (choice: Choice) => Instance
  /** Asks instances first, where they can be asked and it is worth the wait; undefined where not. */
  readonly ask?: ((choice: Choice, loads: Loads) => Effect.Effect<Instance> | undefined) | undefined
  /** What it knows of an instance, at that moment in milliseconds. */
  readonly look?: ((instance: Instance, time: number) => Look) | undefined
}

/** What a strategy knows of an instance. */
export interface Look {
  /** Calls under way. */
  readonly inFlight: number
  /** Milliseconds that a call is expected to take. */
  readonly latency?: number | undefined
}

/** Run once for each service; what it remembers lives in the picker. */
export type Strategy = Effect.Effect<Picker>
