/**
 * What calls take from the context of their fiber, looked up once for all that are made one after the other in the same
 * context: to look is to walk through what was provided, and then to find out that this was not.
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { CurrentDeadline, CurrentHeaders, CurrentKey } from "../Rpc.ts"
import { CurrentAddresses } from "../Selector.ts"

/** What a context has for the calls that are made in it. */
export interface Ambient {
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  readonly random: (typeof Random.Random)["Service"]
  readonly deadline: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly key: string | undefined
  readonly addresses: ReadonlyArray<string> | undefined
}

/** The same of a fiber. */
export const of = (fiber: Fiber.Fiber<unknown, unknown>): Ambient =>
  last !== undefined && last.context === fiber.context ? last : last = look(fiber)

// ---------------------------------------------------------------------------------------------------------------------

/** One context is held on to, until a call is made in another one. */
let last: Ambient | undefined

const look = (fiber: Fiber.Fiber<unknown, unknown>): Ambient => ({
  context: fiber.context,
  clock: fiber.getRef(Clock.Clock),
  random: fiber.getRef(Random.Random),
  deadline: fiber.getRef(CurrentDeadline),
  headers: fiber.getRef(CurrentHeaders),
  key: fiber.getRef(CurrentKey),
  addresses: fiber.getRef(CurrentAddresses)
})
