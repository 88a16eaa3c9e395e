/**
 * The list of each service, kept at hand.
 *
 * A service is watched from the first time it is asked for until the scope closes: one fiber and one list a name. While a
 * registry fails, its last list serves, and it is asked again no sooner than after a pause.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Instance, Registry } from "../Registry.ts"

/** What is known of a service. */
export interface Listing {
  readonly service: string
  /** The last list that was told, if any. */
  readonly list: ReadonlyArray<Instance> | undefined
  /** Whether there is a list, and a watch that keeps it up to date. */
  readonly isCurrent: boolean
  /** Watches where nobody does, waits where nothing is known; fails with what the registry failed with. */
  readonly ready: Effect.Effect<void, unknown>
}

/** Makes listings, which watch until the scope closes. */
export const make = (
  registry: Registry["Service"]
): Effect.Effect<(service: string) => Listing, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const run = Effect.runForkWith(yield* Effect.context<never>())
    return (service) => {
      const state: State = { list: undefined, known: Deferred.makeUnsafe(), isWatching: false, endedAt: -Infinity }
      const start = (): void => {
        state.isWatching = true
        const watching = run(Stream.runForEach(registry.watch(service), (list) => Effect.sync(() => told(state, list))))
        watching.addObserver((exit) => ended(state, exit, clock.currentTimeMillisUnsafe()))
        Fiber.runIn(watching, scope)
      }
      const ready = Effect.suspend(() => {
        // Taken first: a watch may end while it starts.
        const { known, list } = state
        const isDue = list === undefined || clock.currentTimeMillisUnsafe() - state.endedAt >= pause
        if (!state.isWatching && isDue) start()
        return list === undefined ? Deferred.await(known) : Effect.void
      })
      return {
        service,
        get list() {
          return state.list
        },
        get isCurrent() {
          return state.isWatching && state.list !== undefined
        },
        ready
      }
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

interface State {
  list: ReadonlyArray<Instance> | undefined
  /** Done with the first list, or with why there is none; who comes then waits on a new one. */
  known: Deferred.Deferred<void, unknown>
  isWatching: boolean
  endedAt: number
}

// In milliseconds.
const pause = 1000

const told = (state: State, list: ReadonlyArray<Instance>): void => {
  state.list = list
  Deferred.doneUnsafe(state.known, Exit.void)
}

const ended = (state: State, exit: Exit.Exit<void, unknown>, now: number): void => {
  state.isWatching = false
  state.endedAt = now
  if (state.list !== undefined) return
  const waiting = state.known
  state.known = Deferred.makeUnsafe()
  const why = exit._tag === "Failure" ? Cause.squash(exit.cause) : new Error("The registry said nothing")
  Deferred.doneUnsafe(waiting, Exit.fail(why))
}
