/**
 * Which instance takes the next call.
 *
 * A selector lends an instance for a scope, and the exit that the scope closes with is the feedback: a strategy that
 * counts what is in flight, or remembers who failed, needs no other signal and nobody can forget to give it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Load } from "./Load.ts"
import type { Instance } from "./Registry.ts"
import type { SelectorError } from "./SelectorError.ts"
import type { SelectorState } from "./SelectorState.ts"

export { NoInstance, RegistryFailed, SelectorError } from "./SelectorError.ts"
export type { SelectorState, Standing } from "./SelectorState.ts"

/** What a single choice has to heed. */
export interface SelectOptions {
  /** Ids of instances that were tried already; one of them is lent only when no other is left. May grow, not shrink. */
  readonly avoid?: ReadonlySet<string> | undefined
  /** The same key gets the same instance from a strategy that hashes; the others ignore it. */
  readonly key?: string | undefined
  /** Only instances that pass are candidates. The same function gives the same answer about the same instance. */
  readonly keep?: ((instance: Instance) => boolean) | undefined
  /** Who goes first among the candidates. */
  readonly prefer?: Preference | undefined
  /** Only so many of those that are kept are candidates. */
  readonly subset?: Subset | undefined
  /** How instances are asked by a strategy that asks; the others ignore it. The same object for all calls. */
  readonly loads?: Loads | undefined
}

/** What instances say of how busy they are, over the connections that there are. */
export interface Loads {
  /** What an instance said last; undefined where it has not said anything. */
  readonly last: (instance: Instance) => Load | undefined
  /** Completes when it has answered, or never will; undefined where it cannot be asked. */
  readonly probe: (instance: Instance) => Effect.Effect<unknown> | undefined
}

/** Who goes first, and until when. */
export interface Preference {
  readonly passes: (instance: Instance) => boolean
  /**
   * How much more than its part of the calls an instance that passes is taken to bear. Of those that pass a part may be
   * avoided: once what is left of them, times this, is less than the whole, that much of the calls goes to the others.
   */
  readonly spare: number
}

/** A part of a fleet. */
export interface Subset {
  readonly size: number
  /** Another seed, another part. */
  readonly seed: number
}

/** Which instance takes the next call. */
export class Selector extends Context.Service<Selector, {
  /**
   * Lends an instance until the scope of the lease closes. Waits only until the service's first list is known.
   *
   * The scope is handed over, and not taken from the context, because that would cost more than the choice.
   */
  readonly select: (
    service: string,
    lease: Scope.Scope,
    options?: SelectOptions
  ) => Effect.Effect<Instance, SelectorError>
  /** What is known of the instances of a service, each second. Costs nothing while nobody looks. */
  readonly watch: (service: string, options?: SelectOptions) => Stream.Stream<SelectorState, SelectorError>
}>()("effect-micro/Selector") {}

/**
 * Where the calls of this fiber go, whatever the registry says.
 *
 * **Details**
 *
 * Each call goes to one of the addresses by lot, and a retry to another one. The registry is not asked, nobody is
 * ejected, and filters do not apply: their facts about an instance are the registry's. No addresses are nobody at all.
 *
 * **Example** (One instance, to look into what it does)
 *
 * ```ts
 * import * as Selector from "effect-micro/Selector"
 * import * as Effect from "effect/Effect"
 *
 * export const atSeven = Effect.provideService(Selector.CurrentAddresses, ["micro://10.0.0.7:4000"])
 * ```
 */
export const CurrentAddresses = Context.Reference<ReadonlyArray<string> | undefined>(
  "effect-micro/Selector/CurrentAddresses",
  { defaultValue: () => undefined }
)

/**
 * Lets only some instances be candidates: a layer that needs what it gives.
 *
 * **Example** (Only version 2)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { RandomSelectorLive } from "effect-micro/Layers/RandomSelector"
 * import * as Selector from "effect-micro/Selector"
 *
 * export const OnlyV2 = Selector.filter((instance) => instance.version === "2").pipe(
 *   Layer.provide(RandomSelectorLive)
 * )
 * ```
 */
export const filter = (keep: (instance: Instance) => boolean): Layer.Layer<Selector, never, Selector> =>
  narrow((options) => {
    const asked = options?.keep
    return { ...options, keep: asked === undefined ? keep : (instance) => keep(instance) && asked(instance) }
  })

/** Lets only instances of this version be candidates: a layer that needs what it gives. */
export const version = (version: string): Layer.Layer<Selector, never, Selector> =>
  filter((instance) => instance.version === version)

/** Lets only instances with all of these in their metadata be candidates: a layer that needs what it gives. */
export const labels = (labels: Readonly<Record<string, string>>): Layer.Layer<Selector, never, Selector> => {
  const wanted = Object.entries(labels)
  return filter(({ metadata }) => wanted.every(([name, value]) => metadata[name] === value))
}

/**
 * Lends instances that pass while enough of them are left, and the others where not: a layer that needs what it gives.
 *
 * **Details**
 *
 * Enough is `spare`, by default 1.4: with a third of them ejected the others take 7 % of the calls, with half of them
 * 30 %, and all where nobody is left. With `Infinity` the others take none before that. A retry moves to those that pass
 * and were not tried, then to the others, and then comes back. How busy they are plays no part.
 *
 * Laid over one another, those that pass all go first.
 *
 * **Example** (The same zone first)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { EjectingSelectorLive } from "effect-micro/Layers/EjectingSelector"
 * import { PeakEwmaSelectorLive } from "effect-micro/Layers/PeakEwmaSelector"
 * import * as Selector from "effect-micro/Selector"
 *
 * export const SameZone = EjectingSelectorLive.pipe(
 *   Layer.provide(Selector.prefer((instance) => instance.metadata["zone"] === "north")),
 *   Layer.provide(PeakEwmaSelectorLive)
 * )
 * ```
 */
export const prefer = (
  passes: (instance: Instance) => boolean,
  options?: { readonly spare?: number | undefined }
): Layer.Layer<Selector, never, Selector> => {
  const own: Preference = { passes, spare: options?.spare ?? 1.4 }
  return narrow((options) => {
    const asked = options?.prefer
    const prefer = asked === undefined
      ? own
      : { spare: own.spare, passes: (instance: Instance) => passes(instance) && asked.passes(instance) }
    return { ...options, prefer }
  })
}

/**
 * Lends only so many instances of each service, others in each process: a layer that needs what it gives.
 *
 * **Details**
 *
 * A process of a large fleet then has few connections, and an instance has few callers. The part is drawn by the `seed`,
 * by default another one for each build of the layer; who comes or goes changes at most one instance of it. Those of the
 * part that are avoided are replaced by others only where none of the part is left.
 *
 * **Example** (Twenty of a thousand)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { PeakEwmaSelectorLive } from "effect-micro/Layers/PeakEwmaSelector"
 * import * as Selector from "effect-micro/Selector"
 *
 * export const Twenty = Selector.subset(20).pipe(Layer.provide(PeakEwmaSelectorLive))
 * ```
 */
export const subset = (
  size: number,
  options?: { readonly seed?: number | undefined }
): Layer.Layer<Selector, never, Selector> =>
  Layer.unwrap(Effect.map(
    options?.seed === undefined ? Random.nextInt : Effect.succeed(options.seed),
    (seed) => {
      const own: Subset = { size: Math.max(1, size), seed }
      return narrow((options) => ({ ...options, subset: options?.subset ?? own }))
    }
  ))

// ---------------------------------------------------------------------------------------------------------------------

/** A selector whose choices heed more. */
const narrow = (
  more: (options: SelectOptions | undefined) => SelectOptions
): Layer.Layer<Selector, never, Selector> =>
  Layer.effect(
    Selector,
    Effect.map(Selector, (selector) => {
      let [asked, narrowed] = [undefined as SelectOptions | undefined, more(undefined)]
      return Selector.of({
        select: (service, lease, options) => {
          // First attempts have the same options, one after the other.
          if (options !== asked) narrowed = more(asked = options)
          return selector.select(service, lease, narrowed)
        },
        watch: (service, options) => selector.watch(service, more(options))
      })
    })
  )
