/**
 * One question for all who ask the same: each name is followed once, however many watch it.
 *
 * What was told once stays while its source is away: a watch fails only where nothing is known yet.
 */
import * as Effect from "effect/Effect"
import * as RcMap from "effect/RcMap"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { RegistryError } from "../../Registry.ts"
import { unavailable } from "./api.ts"
import * as Latest from "./latest.ts"

/** What is shared. */
export interface Options<A> {
  readonly registry: string
  /** What there is to know of a name, without an end; asked again when it fails. */
  readonly follow: (name: string) => Stream.Stream<A, RegistryError>
  readonly same: (a: A, b: A) => boolean
}

/** Names that are followed at a time: each may hold a connection, of which servers take 200 and more. */
const capacity = 128

/** Follows names until the scope closes, each for as long as somebody watches it. */
export const make = <A>(
  { follow, registry, same }: Options<A>
): Effect.Effect<(name: string) => Stream.Stream<A, RegistryError>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const followed = yield* RcMap.make({
      lookup: (name: string) =>
        Effect.gen(function*() {
          const latest = yield* Latest.make<Told<A>>({})
          const told = lasting(follow(name), `${registry} does not tell of ${name}; what it told before stays`)
          yield* Effect.forkScoped(Stream.runForEach(told, (told) => latest.update(() => told)))
          return latest
        }),
      capacity
    })
    const watch = (name: string) =>
      RcMap.get(followed, name).pipe(
        Effect.mapError((cause) => unavailable(registry, `${capacity} names are watched already`, cause)),
        Effect.map(({ changes }) =>
          changes.pipe(
            Stream.tap(({ error }) => error === undefined ? Effect.void : RcMap.invalidate(followed, name)),
            Stream.mapEffect(({ error, value }) => error === undefined ? Effect.succeed(value) : Effect.fail(error)),
            Stream.filter((value) => value !== undefined),
            Stream.changesWith(same)
          )
        )
      )
    return (name) => Stream.unwrap(watch(name))
  })

// ---------------------------------------------------------------------------------------------------------------------

/** What is known, or why nothing is. */
interface Told<A> {
  readonly value?: A
  readonly error?: RegistryError
}

/** Gives up only before the first value. */
const lasting = <A>(source: Stream.Stream<A, RegistryError>, complaint: string): Stream.Stream<Told<A>> =>
  Stream.suspend(() => {
    let isKnown = false
    let isLost = false
    const told = Stream.map(source, (value): Told<A> => {
      isKnown = true
      isLost = false
      return { value }
    })
    const failed = (error: RegistryError): Stream.Stream<Told<A>, RegistryError> => {
      if (!isKnown) return Stream.succeed({ error })
      const warning = isLost ? Effect.void : Effect.logWarning(complaint, error)
      isLost = true
      return Stream.fromEffect(Effect.andThen(warning, Effect.fail(error)))
    }
    return told.pipe(Stream.catch(failed), Stream.retry(again), Stream.orDie)
  })

/** In two seconds at most, since what comes back is to be seen at once; by chance, since all who watch have lost it. */
const again = Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("1600 millis")]))
