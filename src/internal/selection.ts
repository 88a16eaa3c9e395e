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
import {
  CurrentAddresses,
  NoInstance,
  RegistryFailed,
  type SelectOptions,
  Selector,
  SelectorError
} from "../Selector.ts"
import * as Listings from "./listings.ts"
import * as Eligible from "./selection/eligible.ts"
import * as Given from "./selection/given.ts"
import * as Lots from "./selection/lots.ts"
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
        const desk = services.get(service) ?? { picker, listing: makeListing(service), eligible: Eligible.make() }
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
          const addresses = fiber.getRef(CurrentAddresses)
          if (addresses !== undefined) return lendGiven(service, addresses, options, fiber)
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
  readonly eligible: Eligible.Eligibility
}

const lend = (
  { eligible, listing, picker }: Desk,
  lease: Scope.Scope,
  options: SelectOptions | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
): Exit.Exit<Instance, SelectorError> => {
  const list = listing.list ?? []
  const random = fiber.getRef(Random.Random)
  const candidates = options === undefined || Eligible.isAnybody(options)
    ? list
    : oneRank(eligible(list, options), random)
  if (!Arr.isReadonlyArrayNonEmpty(candidates)) return noInstance(listing.service, list.length)
  const clock = fiber.getRef(Clock.Clock)
  return Exit.succeed(picker.pick({ candidates, list, key: options?.key, lease, clock, random }))
}

/** Lends one of the addresses that the caller has given. */
const lendGiven = (
  service: string,
  addresses: ReadonlyArray<string>,
  options: SelectOptions | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
): Exit.Exit<Instance, SelectorError> => {
  const given = Given.instances(service, addresses)
  const fresh = given.filter(({ id }) => options?.avoid?.has(id) !== true)
  const candidates = fresh.length === 0 ? given : fresh
  return Arr.isReadonlyArrayNonEmpty(candidates)
    ? Exit.succeed(Lots.any(candidates, fiber.getRef(Random.Random)))
    : noInstance(service, 0)
}

/** Those that go first, or the others where it is their turn. */
const oneRank = (
  { first, others, share }: Eligible.Eligible,
  random: (typeof Random.Random)["Service"]
): ReadonlyArray<Instance> => share === 1 || random.nextDoubleUnsafe() < share ? first : others

const noInstance = (service: string, excluded: number): Exit.Exit<never, SelectorError> =>
  Exit.fail(new SelectorError({ reason: new NoInstance({ service, excluded }) }))

const registryFailed = (service: string, cause: unknown): SelectorError =>
  new SelectorError({ reason: new RegistryFailed({ service, cause }) })
