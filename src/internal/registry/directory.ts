/**
 * A registry in the memory of one process: what `MemoryRegistry` is, and what `StaticRegistry` starts from.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Stream from "effect/Stream"
import { type Instance, Registry } from "../../Registry.ts"
import * as Latest from "./latest.ts"
import * as Roster from "./roster.ts"

/** A registry that knows these instances, and those registered with it for as long as they are. */
export const make = (fleet: ReadonlyArray<Instance>): Effect.Effect<Registry["Service"]> =>
  Effect.map(
    Latest.make(fleet.reduce<Directory>((directory, instance) => put(directory, { instance }), new Map())),
    (latest) =>
      Registry.of({
        register: (instance) => {
          const registration: Registration = { instance }
          return Effect.acquireRelease(
            latest.update((directory) => put(directory, registration)),
            () => latest.update((directory) => remove(directory, registration))
          )
        },
        watch: (service) =>
          latest.changes.pipe(
            Stream.map((directory) => instancesOf(directory, service)),
            Stream.changesWith(Roster.same)
          ),
        services: latest.changes.pipe(
          Stream.map((directory) => [...directory.keys()].toSorted()),
          Stream.changesWith(Arr.makeEquivalence(Equivalence.String))
        ),
        doubt: () => Effect.void
      })
  )

// ---------------------------------------------------------------------------------------------------------------------

/** Its identity tells one registration from another of the same id, so that the older cannot remove the newer. */
interface Registration {
  readonly instance: Instance
}

/** By service and by id; a service without instances has no entry. */
type Directory = ReadonlyMap<string, ReadonlyMap<string, Registration>>

const instancesOf = (directory: Directory, service: string): Roster.Roster =>
  Roster.fromInstances(Array.from(directory.get(service)?.values() ?? [], (registration) => registration.instance))

const put = (directory: Directory, registration: Registration): Directory => {
  const { id, service } = registration.instance
  return new Map(directory).set(service, new Map(directory.get(service)).set(id, registration))
}

const remove = (directory: Directory, registration: Registration): Directory => {
  const { id, service } = registration.instance
  const registrations = new Map(directory.get(service))
  if (registrations.get(id) !== registration) return directory
  registrations.delete(id)
  const next = new Map(directory)
  if (registrations.size === 0) next.delete(service)
  else next.set(service, registrations)
  return next
}
