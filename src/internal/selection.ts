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
        const choice = services.get(service) ?? { pick, listing: makeListing(service), eligible: undefined }
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
  /** Who was eligible last. */
  eligible: Eligible | undefined
}

/** Who is eligible, and under which conditions; the same for most calls, where a filter or an ejection sets them. */
interface Eligible {
  readonly list: ReadonlyArray<Instance>
  readonly keep: SelectOptions["keep"]
  readonly avoid: SelectOptions["avoid"]
  readonly avoided: number
  readonly candidates: ReadonlyArray<Instance>
}

const lend = (
  choice: Choice,
  lease: Scope.Scope,
  options: SelectOptions | undefined
): Effect.Effect<Instance, SelectorError> => {
  const { listing, pick } = choice
  const list = listing.list ?? []
  const candidates = options === undefined ? list : eligible(choice, list, options)
  return Arr.isReadonlyArrayNonEmpty(candidates)
    ? pick(candidates, lease, options?.key, list)
    : noInstance(listing.service, list.length)
}

const eligible = (
  choice: Choice,
  list: ReadonlyArray<Instance>,
  { avoid, keep }: SelectOptions
): ReadonlyArray<Instance> => {
  const avoided = avoid?.size ?? 0
  if (keep === undefined && avoided === 0) return list
  const last = choice.eligible
  if (last?.list === list && last.keep === keep && last.avoid === avoid && last.avoided === avoided) {
    return last.candidates
  }
  const kept = keep === undefined ? list : list.filter(keep)
  const fresh = avoid === undefined || avoided === 0 ? kept : kept.filter((instance) => !avoid.has(instance.id))
  const candidates = fresh.length === 0 ? kept : fresh
  choice.eligible = { list, keep, avoid, avoided, candidates }
  return candidates
}

const noInstance = (service: string, excluded: number): Exit.Exit<never, SelectorError> =>
  Exit.fail(new SelectorError({ reason: new NoInstance({ service, excluded }) }))

const registryFailed = (service: string, cause: unknown): SelectorError =>
  new SelectorError({ reason: new RegistryFailed({ service, cause }) })
