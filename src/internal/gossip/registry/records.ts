/**
 * What is known of services: for each member and service one record, of which the newest counts.
 *
 * Only a member itself writes its records, and numbers them. A process draws a number for its life, too: what is still told
 * of an earlier life under the same name is known by it, and overruled.
 */
import type { Instance } from "../../../Registry.ts"

/** The number of a record that its member has not written. It is not passed on, and forgotten unless it is heard again. */
export const hearsay = 0

/** What a member says of one service. */
export interface Record {
  readonly node: string
  readonly service: string
  readonly sequence: number
  readonly life: number
  /** Those that it runs; none in a record that only says so. */
  readonly instances: ReadonlyArray<Instance>
  /** As it is carried. */
  readonly bytes: Uint8Array
}

export interface Records {
  readonly get: (node: string, service: string) => Record | undefined
  readonly of: (node: string) => ReadonlyArray<Record>
  /** Takes one in that is newer. Says whether it was, or that there is no room. */
  readonly put: (record: Record, now: number) => "New" | "Old" | "Full"
  /** Those of a member that may be passed on. */
  readonly told: (node: string) => ReadonlyArray<Record>
  /** A number that is the same where all of those that live are the same, and 0 where there are none. */
  readonly sum: (node: string) => number
  /** Whether it is remembered that there are none. */
  readonly nodes: () => Iterable<string>
  /**
   * Forgets what was over for so long, and returns it: what is of members that nobody knows, what says nothing, and
   * hearsay.
   */
  readonly sweep: (isKnown: (node: string) => boolean, before: number) => ReadonlyArray<Record>
}

/** What is remembered of all members. */
export interface Bounds {
  readonly records: number
  readonly ofNode: number
  readonly bytes: number
}

export const bounds: Bounds = { records: 65_536, ofNode: 256, bytes: 64 * 1024 * 1024 }

/** The longest record. */
export const maxRecord = 64 * 1024

export const make = (most: Bounds = bounds): Records => {
  const byNode = new Map<string, Map<string, Held>>()
  let count = 0
  let bytes = 0
  const of: Records["of"] = (node) => Array.from(byNode.get(node)?.values() ?? [], ({ record }) => record)
  const drop = (held: Held): void => {
    const services = byNode.get(held.record.node)
    services?.delete(held.record.service)
    if (services?.size === 0) byNode.delete(held.record.node)
    count--
    bytes -= held.record.bytes.length
  }
  return {
    get: (node, service) => byNode.get(node)?.get(service)?.record,
    of,
    told: (node) => of(node).filter(({ sequence }) => sequence !== hearsay),
    put: (record, now) => {
      const services = byNode.get(record.node) ?? new Map<string, Held>()
      const held = services.get(record.service)
      if (held !== undefined && !isNewer(record, held.record)) return "Old"
      const more = record.bytes.length - (held?.record.bytes.length ?? 0)
      const isFull = held === undefined && (count >= most.records || services.size >= most.ofNode)
      if (isFull || bytes + more > most.bytes) return "Full"
      if (held === undefined) count++
      bytes += more
      byNode.set(record.node, services.set(record.service, { record, since: now }))
      return "New"
    },
    sum: (node) => {
      let sum = 0
      for (const { record } of byNode.get(node)?.values() ?? []) {
        if (record.instances.length > 0 && record.sequence !== hearsay) sum ^= digest(record)
      }
      return sum >>> 0
    },
    nodes: () => byNode.keys(),
    sweep: (isKnown, before) => {
      const isOver = ({ record, since }: Held) =>
        since < before
        && (record.instances.length === 0 || record.sequence === hearsay || !isKnown(record.node))
      const over = [...byNode.values()].flatMap((services) => [...services.values()].filter(isOver))
      over.forEach(drop)
      return over.map(({ record }) => record)
    }
  }
}

/** Of two records of the same member and service, whether the first one counts. */
const isNewer = (one: Record, other: Record): boolean =>
  one.sequence > other.sequence || one.sequence === other.sequence && one.life > other.life

// ---------------------------------------------------------------------------------------------------------------------

interface Held {
  readonly record: Record
  readonly since: number
}

/** FNV-1a over what tells a record from another of its member. */
const digest = ({ life, sequence, service }: Record): number => {
  let hash = 0x811C_9DC5
  const text = `${service}\n${sequence}\n${life}`
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193)
  return hash
}
