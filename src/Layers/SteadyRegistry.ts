/**
 * Does not believe at once that most of a fleet is gone: a registry that needs a registry.
 *
 * A registry that flaps, a server of it that restarted empty, a partition between it and this process: all of them look as
 * if instances had left that still answer. They stay in the list until a call cannot reach them, or some time has passed.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Latest from "../internal/registry/latest.ts"
import * as Roster from "../internal/registry/roster.ts"
import * as Steady from "../internal/registry/steady.ts"
import { now } from "../internal/wheel.ts"
import { Registry } from "../Registry.ts"

/** How long what vanished is believed to be there. */
export interface Options {
  /** How long an instance stays in the list after it vanished with most of the others. Default 30 seconds. */
  readonly hold?: Duration.Input | undefined
}

/** A registry that holds on to its last good list. */
export const make = (options?: Options): Effect.Effect<Registry["Service"], never, Registry> =>
  Effect.gen(function*() {
    const registry = yield* Registry
    const hold = Duration.toMillis(options?.hold ?? "30 seconds")
    const services = new Map<string, Followed>()

    const follow = Effect.fnUntraced(function*(service: string) {
      const revisions = yield* Latest.make(0)
      const followed = services.get(service) ?? { steady: Steady.make(), revisions }
      services.set(service, followed)
      return followed
    })
    const watch = Effect.fnUntraced(function*(service: string) {
      const { revisions, steady } = yield* follow(service)
      const clock = yield* Clock.Clock
      const told = Stream.map(registry.watch(service), (list) => Steady.tell(steady, list, now(clock), hold))
      return Stream.merge(told, Stream.drop(revisions.changes, 1), { haltStrategy: "left" }).pipe(
        Stream.filter(() => steady.listed !== undefined),
        Stream.switchMap(() => settling(steady, clock)),
        Stream.changesWith(Roster.same)
      )
    })

    return Registry.of({
      ...registry,
      watch: (service) => Stream.unwrap(watch(service)),
      doubt: (instance) =>
        Effect.suspend(() => {
          const followed = services.get(instance.service)
          if (followed === undefined) return registry.doubt(instance)
          const { revisions, steady } = followed
          return Effect.andThen(
            Effect.clockWith((clock) =>
              Steady.doubt(steady, instance.id, now(clock)) ? revisions.update((count) => count + 1) : Effect.void
            ),
            registry.doubt(instance)
          )
        })
    })
  })

/**
 * A registry that holds on to its last good list.
 *
 * **Details**
 *
 * A list that is empty or shorter than half of the one before takes nobody away for `hold`; any other list is believed at
 * once. Who could not be reached is not held, be it doubted before it vanished or after. `Micro` has it between the
 * registry and the calls; a broker, and whoever asks the registry itself, is told what the registry says.
 *
 * **Example** (Holding on for longer)
 *
 * ```ts
 * import { MdnsRegistryLive } from "effect-micro/Layers/MdnsRegistry"
 * import * as SteadyRegistry from "effect-micro/Layers/SteadyRegistry"
 * import * as Layer from "effect/Layer"
 *
 * export const Patient = SteadyRegistry.layer({ hold: "2 minutes" }).pipe(Layer.provide(MdnsRegistryLive))
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Registry, never, Registry> =>
  Layer.effect(Registry, make(options))

/** A registry that holds on to its last good list. */
export const SteadyRegistryLive: Layer.Layer<Registry, never, Registry> = layer()

// ---------------------------------------------------------------------------------------------------------------------

interface Followed {
  readonly steady: Steady.Steady
  /** Counts what changed the list and is not the registry's own doing. */
  readonly revisions: Latest.Latest<number>
}

/** The list now, and again whenever somebody is let go of, until nobody is held. */
const settling = (steady: Steady.Steady, clock: Clock.Clock): Stream.Stream<Roster.Roster> =>
  Stream.unfold(-Infinity as number | undefined, (due) =>
    Effect.gen(function*() {
      if (due === undefined) return undefined
      if (due > now(clock)) yield* Effect.sleep(due - now(clock))
      const list = Steady.current(steady, now(clock))
      return [list, Steady.due(steady)] as const
    }))
