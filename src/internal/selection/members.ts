/**
 * Something that is remembered of each instance, for as long as it is registered.
 */
import type { Instance } from "../../Registry.ts"

/** What is remembered, by instance. */
export interface Members<A> {
  /** Takes in a list, where it is another one than the last: new ids are made, those that are missing are dropped. */
  readonly follow: (list: ReadonlyArray<Instance>, make: (isFirstList: boolean) => A) => void
  /** What is remembered of someone in the list. */
  readonly of: (instance: Instance) => A
  /** The same, of someone who may not be there. */
  readonly find: (instance: Instance) => A | undefined
}

/**
 * Remembers by id, so that an instance told of anew is the same one.
 *
 * Only lists that somebody chooses from are taken in: who left and came back in between has never been away.
 */
export const make = <A>(): Members<A> => {
  const members = new Map<string, A>()
  let last: ReadonlyArray<Instance> | undefined
  return {
    follow: (list, make) => {
      if (list === last) return
      const isFirstList = last === undefined
      last = list
      for (const { id } of list) if (!members.has(id)) members.set(id, make(isFirstList))
      if (members.size === list.length) return
      const ids = new Set(list.map(({ id }) => id))
      for (const id of members.keys()) if (!ids.has(id)) members.delete(id)
    },
    of: ({ id }) => members.get(id)!,
    find: ({ id }) => members.get(id)
  }
}
