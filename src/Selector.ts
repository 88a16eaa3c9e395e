/**
 * Which instance takes the next call.
 *
 * A selector lends an instance for a scope, and the exit that the scope closes with is the feedback: a strategy that
 * counts what is in flight, or remembers who failed, needs no other signal and nobody can forget to give it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Instance } from "./Registry.ts"

/** What a single choice has to heed. */
export interface SelectOptions {
  /** Ids of instances that were tried already; one of them is lent only when no other is left. May grow, not shrink. */
  readonly avoid?: ReadonlySet<string> | undefined
  /** The same key gets the same instance from a strategy that hashes; the others ignore it. */
  readonly key?: string | undefined
  /** Only instances that pass are candidates. The same function gives the same answer about the same instance. */
  readonly keep?: ((instance: Instance) => boolean) | undefined
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
}>()("effect-micro/Selector") {}

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
  Layer.effect(
    Selector,
    Effect.map(Selector, (selector) =>
      Selector.of({
        select: (service, lease, options) => {
          const asked = options?.keep
          return selector.select(service, lease, {
            ...options,
            keep: asked === undefined ? keep : (instance) => keep(instance) && asked(instance)
          })
        }
      }))
  )

/**
 * Lends instances that pass while there are any, and the others where not: a layer that needs what it gives.
 *
 * **Details**
 *
 * A retry moves to one of the others before it comes back to an instance that was tried, and so does a call of which all
 * that pass were ejected above this layer. How busy they are plays no part.
 *
 * **Example** (The same zone first)
 *
 * ```ts
 * import * as Layer from "effect/Layer"
 * import { LeastLoadedSelectorLive } from "effect-micro/Layers/LeastLoadedSelector"
 * import * as Selector from "effect-micro/Selector"
 *
 * export const SameZone = Selector.prefer((instance) => instance.metadata["zone"] === "north").pipe(
 *   Layer.provide(LeastLoadedSelectorLive)
 * )
 * ```
 */
export const prefer = (passes: (instance: Instance) => boolean): Layer.Layer<Selector, never, Selector> =>
  Layer.effect(
    Selector,
    Effect.map(Selector, (selector) =>
      Selector.of({
        select: (service, lease, options) => {
          const { avoid, keep: asked } = options ?? {}
          // The same function for most calls, so that the candidates are remembered by it.
          const keep = asked === undefined && (avoid === undefined || avoid.size === 0)
            ? passes
            : (instance: Instance) =>
              passes(instance) && asked?.(instance) !== false && avoid?.has(instance.id) !== true
          return Effect.catchTag(
            selector.select(service, lease, { ...options, keep }),
            "SelectorError",
            (error) =>
              error.reason._tag === "NoInstance" ? selector.select(service, lease, options) : Effect.fail(error)
          )
        }
      }))
  )

/** Nobody answers for the service, or nobody that may be chosen. */
export class NoInstance extends Schema.TaggedError<NoInstance>("effect-micro/Selector/NoInstance")("NoInstance", {
  service: Schema.String,
  /** How many instances there are that were not eligible. */
  excluded: Schema.Number
}) {
  override get message(): string {
    return this.excluded === 0
      ? `No instance of ${this.service} is registered`
      : `No instance of ${this.service} is eligible; ${this.excluded} are registered`
  }
}

/** The registry failed, so nothing is known about the service. */
export class RegistryFailed extends Schema.TaggedError<RegistryFailed>("effect-micro/Selector/RegistryFailed")(
  "RegistryFailed",
  { service: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `The instances of ${this.service} are not known: ${why}`
  }
}

/** Why no instance could be lent. */
export class SelectorError extends Schema.TaggedError<SelectorError>("effect-micro/SelectorError")("SelectorError", {
  reason: Schema.Union([NoInstance, RegistryFailed])
}) {
  override get message(): string {
    return this.reason.message
  }
}
