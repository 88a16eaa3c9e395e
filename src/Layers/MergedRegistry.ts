/**
 * Several registries as one: while a fleet moves from one to another, or lives in both.
 *
 * An instance is announced in all of them and found in any. One that cannot be asked takes nothing away from the others.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Roster from "../internal/registry/roster.ts"
import { type Instance, Registry, type RegistryError } from "../Registry.ts"

/** How long registries wait for each other. */
export interface Options {
  /**
   * How long those that know a list wait for those that do not, when a watch begins. Default 1 second: a registry that is
   * away must not keep back what another one knows.
   */
  readonly patience?: Duration.Input | undefined
}

/** Several registries as one. The first that knows an instance describes it. */
export const make = (
  registries: NonEmptyReadonlyArray<Registry["Service"]>,
  options?: Options
): Registry["Service"] => {
  const patience = Duration.fromInputUnsafe(options?.patience ?? "1 second")
  return Registry.of({
    register: (instance) => Effect.forEach(registries, (registry) => registry.register(instance), { discard: true }),
    watch: (service) =>
      merged(registries.map((registry) => registry.watch(service)), patience, union).pipe(
        Stream.changesWith(Roster.same)
      ),
    services: merged(registries.map((registry) => registry.services), patience, names).pipe(
      Stream.changesWith(Arr.makeEquivalence(Equivalence.String))
    ),
    doubt: (instance) => Effect.forEach(registries, (registry) => registry.doubt(instance), { discard: true })
  })
}

/**
 * Several registries as one.
 *
 * **Details**
 *
 * A list has the instances of all, each id once. It comes when every registry has told its own, or one has and `patience`
 * is over. One that fails is asked again, after a second and then less and less often, up to once in half a minute; what
 * it told before stays. Only where all fail before any has told something does the watch fail.
 *
 * To register fails where one of them fails: a service that half of the fleet cannot see is worse than one that does not
 * start.
 *
 * **Example** (From multicast to a list)
 *
 * ```ts
 * import { MdnsRegistryLive } from "effect-micro/Layers/MdnsRegistry"
 * import * as MergedRegistry from "effect-micro/Layers/MergedRegistry"
 * import { StaticRegistryLive } from "effect-micro/Layers/StaticRegistry"
 *
 * export const Both = MergedRegistry.layer([MdnsRegistryLive, StaticRegistryLive])
 * ```
 */
export const layer = <E, R>(
  registries: NonEmptyReadonlyArray<Layer.Layer<Registry, E, R>>,
  options?: Options
): Layer.Layer<Registry, E, R> =>
  Layer.effect(
    Registry,
    Effect.map(
      Effect.forEach(registries, (registry) => Effect.map(Layer.build(registry), Context.get(Registry))),
      (built) => make(built, options)
    )
  )

// ---------------------------------------------------------------------------------------------------------------------

/** What each registry has told, in their order, and what kept it from telling. */
interface Told<A> {
  readonly lists: ReadonlyArray<ReadonlyArray<A> | undefined>
  readonly errors: ReadonlyArray<RegistryError | undefined>
  readonly isPatient: boolean
}

type Update<A> = (told: Told<A>) => Told<A>

const merged = <A>(
  sources: ReadonlyArray<Stream.Stream<ReadonlyArray<A>, RegistryError>>,
  patience: Duration.Duration,
  join: (lists: ReadonlyArray<ReadonlyArray<A>>) => ReadonlyArray<A>
): Stream.Stream<ReadonlyArray<A>, RegistryError> => {
  const none = sources.map(() => undefined)
  const start: Told<A> = { lists: none, errors: none, isPatient: true }
  const impatient: Stream.Stream<Update<A>> = Stream.fromEffect(
    Effect.as(Effect.sleep(patience), (told: Told<A>) => ({ ...told, isPatient: false }))
  )
  return Stream.mergeAll([impatient, ...sources.map(updates)], { concurrency: "unbounded" }).pipe(
    Stream.mapAccum(() => start, (told, update) => {
      const next = update(told)
      return [next, [next]]
    }),
    Stream.mapEffect((told) => outcome(told, join)),
    Stream.filter((list) => list !== undefined)
  )
}

/** What one registry tells, for as long as somebody wants to know. */
const updates = <A>(
  source: Stream.Stream<ReadonlyArray<A>, RegistryError>,
  index: number
): Stream.Stream<Update<A>> => {
  const told = Stream.map(source, (list): Update<A> => ({ lists, errors, isPatient }) => ({
    lists: lists.with(index, list),
    errors: errors.with(index, undefined),
    isPatient
  }))
  const failed = (error: RegistryError): Stream.Stream<Update<A>, RegistryError> =>
    Stream.concat(
      Stream.succeed((told: Told<A>) => ({ ...told, errors: told.errors.with(index, error) })),
      Stream.fail(error)
    )
  return told.pipe(Stream.catch(failed), Stream.retry(again), Stream.orDie)
}

const again = Schedule.jittered(Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]))

/** The list, if one can be told; fails where there is nobody to wait for. */
const outcome = <A>(
  { errors, isPatient, lists }: Told<A>,
  join: (lists: ReadonlyArray<ReadonlyArray<A>>) => ReadonlyArray<A>
): Effect.Effect<ReadonlyArray<A> | undefined, RegistryError> => {
  const known = lists.filter((list) => list !== undefined)
  const awaited = lists.some((list, index) => list === undefined && errors[index] === undefined)
  const error = errors.find((error) => error !== undefined)
  if (known.length === 0) return awaited || error === undefined ? Effect.undefined : Effect.fail(error)
  return Effect.succeed(awaited && isPatient ? undefined : join(known))
}

const union = (lists: ReadonlyArray<ReadonlyArray<Instance>>): ReadonlyArray<Instance> => {
  const byId = new Map<string, Instance>()
  for (const instance of lists.flat()) if (!byId.has(instance.id)) byId.set(instance.id, instance)
  return Roster.fromInstances(byId.values())
}

const names = (lists: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  [...new Set(lists.flat())].toSorted()
