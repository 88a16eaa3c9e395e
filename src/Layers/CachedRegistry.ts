/**
 * Goes on with what was known last while a registry cannot be asked, over a restart of the process as well: a registry that
 * needs a registry.
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Keepsake from "../internal/registry/keepsake.ts"
import * as Roster from "../internal/registry/roster.ts"
import { Instance, Registry, RegistryError, RegistryUnavailable } from "../Registry.ts"

/** What is kept, and for how long. */
export interface Options {
  /** How long a list is good for after the registry was last there. Default 1 hour. */
  readonly maxAge?: Duration.Input | undefined
  /** Where lists are kept for the next process. Default nowhere: they end with this one. */
  readonly folder?: string | undefined
  /** How long the registry may say nothing when a watch begins, until the last list is told instead. Default 1 second. */
  readonly patience?: Duration.Input | undefined
}

/** A registry that remembers. */
export const make = (
  options: Options = {}
): Effect.Effect<Registry["Service"], RegistryError, Registry | Scope.Scope> =>
  Effect.gen(function*() {
    const registry = yield* Registry
    const { folder } = options
    const maxAge = Duration.toMillis(options.maxAge ?? "1 hour")
    const patience = Duration.toMillis(options.patience ?? "1 second")
    const store = folder === undefined ? undefined : yield* Effect.mapError(Keepsake.folder(folder), unusable(folder))
    const instances = Keepsake.make({ item: Instance, maxAge, store, prefix: "service-" })
    const names = Keepsake.make({ item: Schema.String, maxAge, store, prefix: "" })
    return Registry.of({
      ...registry,
      watch: (service) =>
        Stream.changesWith(remembered(instances, service, registry.watch(service), maxAge, patience), Roster.same),
      services: Stream.changesWith(
        remembered(names, "services", registry.services, maxAge, patience),
        Arr.makeEquivalence(Equivalence.String)
      )
    })
  })

/**
 * A registry that remembers.
 *
 * **Details**
 *
 * Where the registry fails, or says nothing for `patience`, its last list is told if it is no older than `maxAge`, and the
 * registry is asked again about every two seconds. A list is as old as the time since the registry was last there, for a
 * file to a quarter of `maxAge`. Where nothing is kept, or it is too old, the watch fails as the registry did.
 *
 * What the registry says is believed, that nobody is there as well: to doubt that is the business of `SteadyRegistry`.
 *
 * **Gotchas**
 *
 * Only watching is remembered. To register fails where the registry cannot be told.
 *
 * **Example** (Through a restart without Consul)
 *
 * ```ts
 * import * as CachedRegistry from "effect-micro/Layers/CachedRegistry"
 * import { ConsulRegistryLive } from "effect-micro/Layers/ConsulRegistry"
 * import * as Layer from "effect/Layer"
 *
 * export const Discovery = CachedRegistry.layer({ folder: "/var/cache/orders" }).pipe(Layer.provide(ConsulRegistryLive))
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Registry, RegistryError, Registry> =>
  Layer.effect(Registry, make(options))

/** A registry that remembers for an hour, in memory. */
export const CachedRegistryLive: Layer.Layer<Registry, RegistryError, Registry> = layer()

// ---------------------------------------------------------------------------------------------------------------------

const unusable = (folder: string) => (cause: unknown): RegistryError =>
  new RegistryError({
    reason: new RegistryUnavailable({ registry: "cached", problem: `${folder} cannot be used as a folder`, cause })
  })

/** What a source says; while it fails, or has not said anything, what it said last. */
const remembered = <A>(
  { keep, recall }: Keepsake.Keepsake<A>,
  name: string,
  source: Stream.Stream<ReadonlyArray<A>, RegistryError>,
  maxAge: number,
  patience: number
): Stream.Stream<ReadonlyArray<A>, RegistryError> =>
  Stream.unwrap(Effect.gen(function*() {
    /** What the source says, for as long as it is there. */
    let current: ReadonlyArray<A> | undefined
    let isTold = false
    const confirm = Effect.suspend(() => current === undefined ? Effect.void : keep(name, current))
    const told = Stream.tap(source, (list) => {
      current = list
      isTold = true
      return confirm
    })
    const lost = (error: RegistryError): Stream.Stream<ReadonlyArray<A>, Lost> =>
      Stream.unwrap(Effect.gen(function*() {
        yield* confirm
        current = undefined
        const kept = yield* recall(name)
        const failure = Stream.fail<Lost>({ error, isFinal: kept === undefined })
        return kept === undefined ? failure : Stream.concat(Stream.succeed(kept), failure)
      }))
    const late = Effect.gen(function*() {
      yield* Effect.sleep(patience)
      const kept = isTold ? undefined : yield* recall(name)
      return kept === undefined || isTold ? [] : [kept]
    })
    // So that a list which has not changed for days is not taken for one that is days old.
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(maxAge / 4), confirm)))
    yield* Effect.addFinalizer(() => confirm)
    return told.pipe(
      Stream.catch(lost),
      Stream.retry(again),
      Stream.mapError(({ error }) => error),
      Stream.merge(Stream.fromIterableEffect(late), { haltStrategy: "left" })
    )
  }))

interface Lost {
  readonly error: RegistryError
  readonly isFinal: boolean
}

const again = Schedule.spaced("2 seconds").pipe(
  Schedule.jittered,
  Schedule.setInputType<Lost>(),
  Schedule.while(({ input }) => !input.isFinal)
)
