/**
 * What every selector does, whatever its strategy: keep the list of each service at hand, leave out who may not be
 * chosen, and tell the registry who could not be reached.
 *
 * A service is watched from the first time it is asked for until the layer's scope closes: one fiber and one list a
 * name. Once the list is known, to select is to look into a map and to run the strategy; nothing is forked or awaited.
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Instance, Registry } from "../Registry.ts"
import { NoInstance, RegistryFailed, type SelectOptions, Selector, SelectorError, type Strategy } from "../Selector.ts"

/** Selects by a strategy. */
export const make = (strategy: Strategy): Effect.Effect<Selector["Service"], never, Registry | Scope.Scope> =>
  Effect.gen(function*() {
    const registry = yield* Registry
    const watch = yield* makeWatch(registry)
    const services = new Map<string, Watched>()

    const begin = (service: string) =>
      Effect.map(strategy, (pick) => {
        // Two callers may come first at once; then the strategy of the second is dropped unused.
        const watched = services.get(service) ?? makeWatched(service, pick)
        services.set(service, watched)
        return watched
      })
    const wait = (watched: Watched, options: SelectOptions | undefined) =>
      Effect.andThen(watch(watched), Effect.withFiber((fiber) => lend(registry, watched, options, fiber.context)))

    return Selector.of({
      select: (service, options) =>
        Effect.withFiber((fiber) => {
          const watched = services.get(service)
          if (watched === undefined) return Effect.flatMap(begin(service), (watched) => wait(watched, options))
          return watched.isCurrent ? lend(registry, watched, options, fiber.context) : wait(watched, options)
        })
    })
  })

/** A selector as a layer, by its strategy. */
export const layer = (strategy: Strategy): Layer.Layer<Selector, never, Registry> =>
  Layer.effect(Selector, make(strategy))

// ---------------------------------------------------------------------------------------------------------------------

interface Watched {
  readonly service: string
  readonly pick: Effect.Success<Strategy>
  /** The last list that was told, if any. */
  list: ReadonlyArray<Instance> | undefined
  /** Done with the first list, or with why there is none; then the next one waits on a new one. */
  known: Deferred.Deferred<void, SelectorError>
  isWatching: boolean
  /** Whether there is a list, and a watch that keeps it up to date. */
  isCurrent: boolean
  endedAt: number
}

const makeWatched = (service: string, pick: Effect.Success<Strategy>): Watched => ({
  service,
  pick,
  list: undefined,
  known: Deferred.makeUnsafe(),
  isWatching: false,
  isCurrent: false,
  endedAt: -Infinity
})

// While a registry fails, its last list serves, and it is asked again no sooner than after this, in milliseconds.
const pause = 1000

/** Watches where nobody does; waits where nothing is known. */
const makeWatch = (registry: Registry["Service"]) =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const clock = yield* Clock.Clock
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const start = (watched: Watched): void => {
      watched.isWatching = true
      const watching = run(Stream.runForEach(registry.watch(watched.service), (list) =>
        Effect.sync(() => {
          watched.list = list
          watched.isCurrent = true
          Deferred.doneUnsafe(watched.known, Exit.void)
        })))
      watching.addObserver((exit) => {
        watched.isWatching = watched.isCurrent = false
        watched.endedAt = clock.currentTimeMillisUnsafe()
        if (watched.list !== undefined) return
        const waiting = watched.known
        watched.known = Deferred.makeUnsafe()
        Deferred.doneUnsafe(waiting, registryFailed(watched.service, exit))
      })
      Fiber.runIn(watching, scope)
    }
    return (watched: Watched): Effect.Effect<void, SelectorError> =>
      Effect.suspend(() => {
        // Taken first: a watch may end while it starts.
        const { known, list } = watched
        const isDue = list === undefined || clock.currentTimeMillisUnsafe() - watched.endedAt >= pause
        if (!watched.isWatching && isDue) start(watched)
        return list === undefined ? Deferred.await(known) : Effect.void
      })
  })

const lend = (
  registry: Registry["Service"],
  watched: Watched,
  options: SelectOptions | undefined,
  context: Context.Context<never>
): Effect.Effect<Instance, SelectorError, Scope.Scope> => {
  const list = watched.list ?? []
  const candidates = options === undefined ? list : eligible(list, options)
  if (!Arr.isReadonlyArrayNonEmpty(candidates)) return noInstance(watched.service, list.length)
  const scope = Context.getUnsafe(context, Scope.Scope)
  return Effect.tap(
    watched.pick(candidates, options?.key),
    (instance) => Scope.addFinalizerExit(scope, (exit) => isFault(exit) ? registry.doubt(instance) : Effect.void)
  )
}

const eligible = (list: ReadonlyArray<Instance>, options: SelectOptions): ReadonlyArray<Instance> => {
  const { avoid, keep } = options
  const kept = keep === undefined ? list : list.filter(keep)
  if (avoid === undefined || avoid.size === 0) return kept
  const fresh = kept.filter((instance) => !avoid.has(instance.id))
  return fresh.length === 0 ? kept : fresh
}

/** A caller that was interrupted says nothing about the instance. */
const isFault = (exit: Exit.Exit<unknown, unknown>): boolean =>
  exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause)

const noInstance = (service: string, excluded: number): Exit.Exit<never, SelectorError> =>
  Exit.fail(new SelectorError({ reason: new NoInstance({ service, excluded }) }))

const registryFailed = (service: string, exit: Exit.Exit<void, unknown>): Exit.Exit<never, SelectorError> => {
  const cause = exit._tag === "Failure" ? Cause.squash(exit.cause) : new Error("The registry said nothing")
  return Exit.fail(new SelectorError({ reason: new RegistryFailed({ service, cause }) }))
}
