/**
 * What this process has announced, kept announced until the scope of each closes.
 *
 * A server forgets who does not say again and again that it is there, and forgets everybody when it loses its data.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type Instance, InvalidInstance, RegistryError } from "../../Registry.ts"

/** How a server is told. */
export interface Announcer {
  readonly registry: string
  /** Tells of an instance, and returns when others can see it. */
  readonly announce: (instance: Instance) => Effect.Effect<void, RegistryError>
  /** Says that it is still there, and announces it again where it was forgotten. */
  readonly beat: (instance: Instance) => Effect.Effect<void, RegistryError>
  readonly withdraw: (instance: Instance) => Effect.Effect<void, RegistryError>
  /** The time between two beats. */
  readonly every: Duration.Duration
}

/** How many instances one process announces, each with a heartbeat. */
const capacity = 1024

/** Announces an instance until its scope closes, or that of the registry. */
export type Register = (instance: Instance) => Effect.Effect<void, RegistryError, Scope.Scope>

/** Announces instances, and keeps them announced. */
export const make = Effect.fnUntraced(function*(announcer: Announcer): Effect.fn.Return<Register, never, Scope.Scope> {
  const standing: Standing = new Map()
  const leaveAll = Effect.suspend(() =>
    Effect.forEach(standing.values(), (registration) => leave(announcer, standing, registration), {
      concurrency: "unbounded",
      discard: true
    })
  )
  // Later nobody could tell the server.
  yield* Effect.addFinalizer(() => leaveAll)
  return Effect.fnUntraced(function*(instance) {
    const registration: Registration = { key: JSON.stringify([instance.service, instance.id]), instance }
    if (standing.size >= capacity && !standing.has(registration.key)) {
      return yield* Effect.fail(invalid(instance, `${capacity} instances are registered in this process already`))
    }
    yield* Effect.acquireRelease(
      enter(announcer, standing, registration),
      () => leave(announcer, standing, registration)
    )
    yield* Effect.forkScoped(keep(announcer, standing, registration))
  })
})

/** What cannot be announced, and why. */
export const invalid = ({ id, service }: Instance, problem: string): RegistryError =>
  new RegistryError({ reason: new InvalidInstance({ service, id, problem }) })

// ---------------------------------------------------------------------------------------------------------------------

/** Its identity tells it from one that replaced it under the same id. */
interface Registration {
  readonly key: string
  readonly instance: Instance
}

type Standing = Map<string, Registration>

const enter = ({ announce }: Announcer, standing: Standing, registration: Registration) =>
  Effect.suspend(() => {
    const { instance, key } = registration
    const before = standing.get(key)
    // First, so that the one before stops saying otherwise.
    standing.set(key, registration)
    return Effect.onError(announce(instance), () =>
      Effect.sync(() => {
        if (standing.get(key) !== registration) return
        if (before === undefined) standing.delete(key)
        else standing.set(key, before)
      }))
  })

const leave = Effect.fnUntraced(
  function*({ announce, withdraw }: Announcer, standing: Standing, registration: Registration) {
    const { instance, key } = registration
    if (standing.get(key) !== registration) return
    standing.delete(key)
    yield* withdraw(instance)
    // Somebody may have come in its place while it left: the server has forgotten both.
    const next = standing.get(key)
    if (next !== undefined) yield* announce(next.instance)
  },
  (leaving, { registry }, _, { instance }) =>
    Effect.catch(
      leaving,
      (error) => Effect.logWarning(`${instance.id} of ${instance.service} leaves, and ${registry} does not know`, error)
    )
)

const keep = (announcer: Announcer, standing: Standing, registration: Registration): Effect.Effect<never> => {
  const { beat, every, registry } = announcer
  const { instance, key } = registration
  const complaint = `${instance.id} of ${instance.service} cannot tell ${registry} that it is there; it tries again`
  const once = Effect.suspend(() => standing.get(key) === registration ? beat(instance) : Effect.never)
  const persistent = Effect.catch(
    once,
    (error) => Effect.andThen(Effect.logWarning(complaint, error), Effect.retry(once, again))
  )
  return Effect.forever(Effect.andThen(Effect.sleep(every), Effect.orDie(persistent)))
}

/** Within two seconds, since nobody finds the instance meanwhile; by chance, since all of them have lost the server. */
const again = Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("1600 millis")]))
