/**
 * What every selector does, whatever its strategy: keep the list of each service at hand, and leave out who may
 * not be chosen.
 *
 * Once the list of a service is known, to select is to look into a map and to run the strategy; nothing is forked or
 * awaited, but by a strategy that asks instances first.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Instance, Registry } from "../Registry.ts"
import {
  NoInstance,
  RegistryFailed,
  type SelectOptions,
  Selector,
  SelectorError,
  type SelectorState
} from "../Selector.ts"
import * as Ambient from "./ambient.ts"
import * as Listings from "./listings.ts"
import * as Prompt from "./prompt.ts"
import * as Eligible from "./selection/eligible.ts"
import * as Gauges from "./selection/gauges.ts"
import * as Given from "./selection/given.ts"
import * as Lots from "./selection/lots.ts"
import type { Picker, Strategy } from "./selection/strategy.ts"
import { now } from "./wheel.ts"

/** Selects by a strategy. */
export const make = (strategy: Strategy): Effect.Effect<Selector["Service"], never, Registry | Scope.Scope> =>
  Effect.map(makeDesks(strategy), ({ find, open }) => {
    const wait = (service: string, lease: Scope.Scope, options: SelectOptions | undefined) =>
      Effect.flatMap(open(service), (desk) => Effect.withFiber((fiber) => lend(desk, lease, options, fiber)))

    return Selector.of({
      select: (service, lease, options) =>
        Prompt.make((fiber) => {
          const { addresses } = Ambient.of(fiber)
          if (addresses !== undefined) return lendGiven(service, addresses, options, fiber)
          const desk = find(service)
          return desk?.listing.isCurrent === true ? lend(desk, lease, options, fiber) : wait(service, lease, options)
        }),
      watch: (service, options) =>
        Stream.unwrap(Effect.map(open(service), (desk) => {
          const eligible = Eligible.make()
          return Stream.mapEffect(Stream.tick("1 second"), () =>
            Effect.clockWith((clock) => Effect.succeed(look(desk, eligible, options ?? {}, now(clock)))))
        }))
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

/** The desks of all services that were asked for. */
const makeDesks = Effect.fnUntraced(function*(strategy: Strategy) {
  const makeListing = yield* Listings.make(yield* Registry)
  const context = yield* Effect.context<never>()
  const desks = new Map<string, Desk>()
  const gauges: Array<() => void> = []
  yield* Effect.addFinalizer(() => Effect.sync(() => gauges.forEach((remove) => remove())))

  const begin = (service: string) =>
    Effect.map(strategy, (picker) => {
      // Two callers may come first at once; then the strategy of the second is dropped unused.
      const known = desks.get(service)
      if (known !== undefined) return known
      const desk: Desk = { picker, listing: makeListing(service), eligible: Eligible.make() }
      desks.set(service, desk)
      gauges.push(...Gauges.register(service, context, {
        "rpc.client.instances": ["Instances that are registered", () => desk.listing.list?.length ?? 0]
      }))
      return desk
    })
  const ready = (desk: Desk) =>
    Effect.mapBoth(desk.listing.ready, {
      onSuccess: () => desk,
      onFailure: (cause) => registryFailed(desk.listing.service, cause)
    })
  const open = (service: string) =>
    Effect.suspend(() => {
      const desk = desks.get(service)
      return desk === undefined ? Effect.flatMap(begin(service), ready) : ready(desk)
    })
  return { find: (service: string) => desks.get(service), open }
})

const lend = (
  { eligible, listing, picker }: Desk,
  lease: Scope.Scope,
  options: SelectOptions | undefined,
  fiber: Fiber.Fiber<unknown, unknown>
): Effect.Effect<Instance, SelectorError> => {
  const list = listing.list ?? []
  const { clock, random } = Ambient.of(fiber)
  const candidates = options === undefined || Eligible.isAnybody(options)
    ? list
    : oneRank(eligible(list, options), random)
  if (!Arr.isReadonlyArrayNonEmpty(candidates)) return noInstance(listing.service, list.length)
  const choice = { candidates, list, key: options?.key, lease, clock, random }
  const asked = options?.loads === undefined ? undefined : picker.ask?.(choice, options.loads)
  return asked ?? Exit.succeed(picker.pick(choice))
}

/** What is known of the service. */
const look = (
  { listing, picker }: Desk,
  eligible: Eligible.Eligibility,
  options: SelectOptions,
  time: number
): SelectorState => {
  const list = listing.list ?? []
  const { first, others } = eligible(list, options)
  const candidates = new Set([...first, ...others])
  return {
    service: listing.service,
    instances: list.map((instance) => {
      const { inFlight, latency } = picker.look?.(instance, time) ?? {}
      const isCandidate = candidates.has(instance)
      return { instance, isCandidate, inFlight, latency, failures: 0, ejectedFor: undefined }
    }),
    isPanicking: false
  }
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
