/**
 * What every selector does, whatever its strategy: keep the list of each service at hand, and leave out who may
 * not be chosen.
 *
 * Once the list of a service is known, to select is to look into a map and to run the strategy; nothing is forked or
 * awaited.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Instance, Registry } from "../Registry.ts"
import { NoInstance, RegistryFailed, type SelectOptions, Selector, SelectorError, type Strategy } from "../Selector.ts"
import * as Listings from "./listings.ts"

/** Selects by a strategy. */
export const make = (strategy: Strategy): Effect.Effect<Selector["Service"], never, Registry | Scope.Scope> =>
  Effect.gen(function*() {
    const registry = yield* Registry
    const makeListing = yield* Listings.make(registry)
    const services = new Map<string, Choice>()

    const begin = (service: string) =>
      Effect.map(strategy, (pick) => {
        // Two callers may come first at once; then the strategy of the second is dropped unused.
        const choice = services.get(service) ?? { pick, listing: makeListing(service) }
        services.set(service, choice)
        return choice
      })
    const wait = (choice: Choice, lease: Scope.Scope, options: SelectOptions | undefined) =>
      Effect.andThen(
        Effect.mapError(choice.listing.ready, (cause) => registryFailed(choice.listing.service, cause)),
        Effect.suspend(() => lend(choice, lease, options))
      )

    return Selector.of({
      select: (service, lease, options) =>
        Effect.suspend(() => {
          const choice = services.get(service)
          if (choice === undefined) return Effect.flatMap(begin(service), (choice) => wait(choice, lease, options))
          return choice.listing.isCurrent ? lend(choice, lease, options) : wait(choice, lease, options)
        })
    })
  })

/** A selector as a layer, by its strategy. */
export const layer = (strategy: Strategy): Layer.Layer<Selector, never, Registry> =>
  Layer.effect(Selector, make(strategy))

// ---------------------------------------------------------------------------------------------------------------------

interface Choice {
  readonly pick: Effect.Success<Strategy>
  readonly listing: Listings.Listing
}

const lend = (
  { listing, pick }: Choice,
  lease: Scope.Scope,
  options: SelectOptions | undefined
): Effect.Effect<Instance, SelectorError> => {
  const list = listing.list ?? []
  const candidates = options === undefined ? list : eligible(list, options)
  return Arr.isReadonlyArrayNonEmpty(candidates)
    ? pick(candidates, lease, options?.key, list)
    : noInstance(listing.service, list.length)
}

const eligible = (list: ReadonlyArray<Instance>, options: SelectOptions): ReadonlyArray<Instance> => {
  const { avoid, keep } = options
  const kept = keep === undefined ? list : list.filter(keep)
  if (avoid === undefined || avoid.size === 0) return kept
  const fresh = kept.filter((instance) => !avoid.has(instance.id))
  return fresh.length === 0 ? kept : fresh
}

const noInstance = (service: string, excluded: number): Exit.Exit<never, SelectorError> =>
  Exit.fail(new SelectorError({ reason: new NoInstance({ service, excluded }) }))

const registryFailed = (service: string, cause: unknown): SelectorError =>
  new SelectorError({ reason: new RegistryFailed({ service, cause }) })
