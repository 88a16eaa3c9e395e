/**
 * The last list that was good, held on to where the next one looks like an accident.
 *
 * A registry that loses sight of most instances at once has more likely lost its own eyes. Those that vanished stay in the
 * list for a while, unless a call finds that they are gone.
 */
import type { Instance } from "../../Registry.ts"
import * as Roster from "./roster.ts"

/** What is told of one service. All times are milliseconds that never jump. */
export interface Steady {
  /** What the registry said last. */
  listed: Roster.Roster | undefined
  /** Who vanished all the same, and until when it stays. */
  readonly held: Map<string, Held>
  /** Who could not be reached, and when: among those that are listed or held. */
  readonly doubted: Map<string, number>
}

interface Held {
  readonly instance: Instance
  readonly until: number
}

/** Nothing is known. */
export const make = (): Steady => ({ listed: undefined, held: new Map(), doubted: new Map() })

/** Takes in what the registry says: a list of fewer than half, and an empty one, is not believed at once. */
export const tell = (steady: Steady, list: Roster.Roster, now: number, hold: number): void => {
  const before = current(steady, now)
  const ids = new Set(list.map(({ id }) => id))
  steady.listed = list
  for (const id of ids) steady.held.delete(id)
  for (const [id, at] of steady.doubted) if (now - at > hold) steady.doubted.delete(id)
  if (list.length * 2 < before.length) {
    for (const instance of before) {
      const { id } = instance
      const isNew = !ids.has(id) && !steady.held.has(id) && !steady.doubted.has(id)
      if (isNew) steady.held.set(id, { instance, until: now + hold })
    }
  }
  for (const id of steady.doubted.keys()) if (!ids.has(id)) steady.doubted.delete(id)
}

/** Takes in that an instance could not be reached. Whether that changes the list. */
export const doubt = (steady: Steady, id: string, now: number): boolean => {
  if (steady.held.delete(id)) return true
  if (steady.listed?.some((instance) => instance.id === id) === true) steady.doubted.set(id, now)
  return false
}

/** Who is listed, and who is held. */
export const current = (steady: Steady, now: number): Roster.Roster => {
  const { held, listed = [] } = steady
  for (const [id, { until }] of held) if (until <= now) held.delete(id)
  return held.size === 0
    ? listed
    : Roster.fromInstances([...listed, ...Array.from(held.values(), ({ instance }) => instance)])
}

/** When the next one is let go of, if anybody is held. */
export const due = ({ held }: Steady): number | undefined =>
  held.size === 0 ? undefined : Math.min(...Array.from(held.values(), ({ until }) => until))
