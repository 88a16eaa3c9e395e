/**
 * The lists that watchers are given, put together from what is known of each source.
 *
 * Changes come in bursts: a member that dies takes all of its services. A list is made anew once for each burst.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Stream from "effect/Stream"
import type { Instance } from "../../../Registry.ts"
import * as Latest from "../../registry/latest.ts"
import * as Roster from "../../registry/roster.ts"

export interface Listing {
  /** All that a source runs of a service. They are listed soon, or with the next `publish`. */
  readonly set: (service: string, source: string, instances: ReadonlyArray<Instance>) => void
  readonly publish: Effect.Effect<void>
  /** The sources that run an instance. */
  readonly sourcesOf: (instance: Instance) => ReadonlyArray<string>
  readonly watch: (service: string) => Stream.Stream<Roster.Roster>
  readonly services: Stream.Stream<ReadonlyArray<string>>
}

/** `soon` runs what makes the lists. */
export const make = (soon: (publish: Effect.Effect<void>) => void): Effect.Effect<Listing> =>
  Effect.map(Latest.make<Directory>(new Map()), (latest) => {
    const sources = new Map<string, Map<string, ReadonlyArray<Instance>>>()
    const changed = new Set<string>()
    const publish = Effect.suspend(() => {
      if (changed.size === 0) return Effect.void
      const names = [...changed]
      changed.clear()
      return latest.update((directory) => {
        const next = new Map(directory)
        for (const name of names) {
          const roster = rosterOf(sources.get(name))
          if (roster.length === 0) next.delete(name)
          else next.set(name, roster)
        }
        return next
      })
    })
    return {
      set: (service, source, instances) => {
        const before = sources.get(service)
        const bySource = before ?? new Map<string, ReadonlyArray<Instance>>()
        if (instances.length > 0) sources.set(service, bySource.set(source, instances))
        else if (!bySource.delete(source)) return
        if (bySource.size === 0) sources.delete(service)
        // Not before the burst is over: what runs it may start at once.
        if (changed.size === 0) soon(Effect.andThen(Effect.yieldNow, publish))
        changed.add(service)
      },
      publish,
      sourcesOf: ({ id, service }) =>
        [...sources.get(service) ?? []].flatMap(([source, list]) => list.some((one) => one.id === id) ? [source] : []),
      watch: (service) =>
        latest.changes.pipe(
          Stream.map((directory) => directory.get(service) ?? []),
          Stream.changesWith(Roster.same)
        ),
      services: latest.changes.pipe(
        Stream.map((directory) => [...directory.keys()].toSorted()),
        Stream.changesWith(Arr.makeEquivalence(Equivalence.String))
      )
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** A service without instances has no entry. */
type Directory = ReadonlyMap<string, Roster.Roster>

/** Ids are unique; where two sources tell of the same one, everybody lists the same of the two. */
const rosterOf = (bySource: ReadonlyMap<string, ReadonlyArray<Instance>> = new Map()): Roster.Roster => {
  const byId = new Map<string, Instance>()
  for (const [, instances] of [...bySource].toSorted(([one], [other]) => one < other ? -1 : 1)) {
    for (const instance of instances) byId.set(instance.id, instance)
  }
  return Roster.fromInstances(byId.values())
}
