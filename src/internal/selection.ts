/**
 * What every selector does, whatever its strategy: keep the list of each service at hand, and leave out who may
 * not be chosen.
 *
 * Once the list of a service is known, to select is to look into a map and to run the strategy; nothing is forked or
 * awaited.
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { type Instance, Registry } from "../Registry.ts"
import { NoInstance, RegistryFailed, type SelectOptions, Selector, SelectorError } from "../Selector.ts"
import * as Listings from "./listings.ts"
import type { Picker, Strategy } from "./selection/strategy.ts"

/** Selects by a strategy. */
export const make = (strategy: Strategy): Effect.Effect<Selector["Service"], never, Registry | Scope.Scope> =>
  Effect.gen(function*() {
    const registry = yield* Registry
    const makeListing = yield* Listings.make(registry)
    const services = new Map<string, Desk>()

    const begin = (service: string) =>
      Effect.map(strategy, (picker) => {
        // Two callers may come first at once; then the strategy of the second is dropped unused.
        const desk = services.get(service) ?? { picker, listing: makeListing(service), eligible: undefined }
        services.set(service, desk)
        return desk
      })
    const wait = (desk: Desk, lease: Scope.Scope, options: SelectOptions | undefined) =>
      Effect.andThen(
        Effect.mapError(desk.listing.ready, (cause) => registryFailed(desk.listing.service, cause)),
        Effect.withFiber((fiber) => lend(desk, lease, options, fiber))
      )

    return Selector.of({
      select: (service, lease, options) =>
        Effect.withFiber((fiber) => {
          const desk = services.get(service)
          if (desk === undefined) return Effect.flatMap(begin(service), (desk) => wait(desk, lease, options))
          return desk.listing.isCurrent ? lend(desk, lease, options, fiber) : wait(desk, lease, options)
        })
    })
  })

/** A selector as a layer, by its strategy. */
export const layer = (strategy: Strategy): Layer.Layer<Selector, never, Registry> =>
  Layer.effect(Selector, make(strategy))

// ---------------------------------------------------------------------------------------------------------------------

/** Where the instances of one service are lent. */
interface Desk {
  readonly picker: Picker
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
  desk: Desk,
  lease: Scope.Scope,
  options: SelectOptions | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
): Exit.Exit<Instance, SelectorError> => {
  const { listing, picker } = desk
  const list = listing.list ?? []
  const candidates = options === undefined ? list : eligible(desk, list, options)
  if (!Arr.isReadonlyArrayNonEmpty(candidates)) return noInstance(listing.service, list.length)
  const clock = fiber.getRef(Clock.Clock)
  const random = fiber.getRef(Random.Random)
  return Exit.succeed(picker.pick({ candidates, list, key: options?.key, lease, clock, random }))
}

const eligible = (
  desk: Desk,
  list: ReadonlyArray<Instance>,
  { avoid, keep }: SelectOptions
): ReadonlyArray<Instance> => {
  const avoided = avoid?.size ?? 0
  if (keep === undefined && avoided === 0) return list
  const last = desk.eligible
  if (last?.list === list && last.keep === keep && last.avoid === avoid && last.avoided === avoided) {
    return last.candidates
  }
  const kept = keep === undefined ? list : list.filter(keep)
  const fresh = avoid === undefined || avoided === 0 ? kept : kept.filter((instance) => !avoid.has(instance.id))
  const candidates = fresh.length === 0 ? kept : fresh
  desk.eligible = { list, keep, avoid, avoided, candidates }
  return candidates
}

const noInstance = (service: string, excluded: number): Exit.Exit<never, SelectorError> =>
  Exit.fail(new SelectorError({ reason: new NoInstance({ service, excluded }) }))

const registryFailed = (service: string, cause: unknown): SelectorError =>
  new SelectorError({ reason: new RegistryFailed({ service, cause }) })
