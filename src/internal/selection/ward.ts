/**
 * The instances of one service that calls went to: how they do, and which of them are out for a while.
 */
import type * as Exit from "effect/Exit"
import type { Standing } from "../../SelectorState.ts"
import * as Fault from "./fault.ts"

/** When an instance goes, and for how long; times in milliseconds. */
export interface Rules {
  readonly consecutive: number
  readonly success: number
  readonly base: number
  readonly longest: number
}

/** What is remembered of one instance. */
interface Health {
  /** Failures since the last success. */
  streak: number
  /** Of about the last ten seconds, as of `heardAt`. */
  calls: number
  failures: number
  heardAt: number
  /** How often in a row it went, and when it last came back. */
  ejections: number
  backAt: number
  /** When it may be tried, where it is out. */
  until: number
}

/** Why an instance should go. */
interface Suspicion {
  readonly since: number
  /** Whether it let calls run out of time, and did nothing worse. */
  readonly isLate: boolean
}

export interface Ward {
  readonly healths: Map<string, Health>
  /** Who is out. Another set after each change, never the same one changed: choices from it are remembered. */
  out: ReadonlySet<string>
  /** Who should go. The next choice decides: it can see how many are present. */
  readonly suspects: Map<string, Suspicion>
  /** Who is out for being late. */
  readonly late: Set<string>
  /** Who fails and stays, since enough are out already, and when that was decided. */
  readonly spared: Map<string, number>
  /** When that was last said. */
  saidAt: number
  /** No ejection ends before. */
  due: number
  /** With more healths than that, some of them must be of instances that have left. */
  most: number
}

export const make = (): Ward => ({
  healths: new Map(),
  out: new Set(),
  suspects: new Map(),
  late: new Set(),
  spared: new Map(),
  saidAt: -Infinity,
  due: Infinity,
  most: 64
})

/** Whether there is something to judge: someone to put out, or so many healths that some must be of those that left. */
export const isDue = (ward: Ward): boolean => ward.suspects.size > 0 || ward.healths.size > ward.most

/** Notes how a call ended to an instance that is not out. */
export const note = (ward: Ward, id: string, exit: Exit.Exit<unknown, unknown>, now: number, rules: Rules): void => {
  const health = healthOf(ward, id, now)
  const rest = Math.exp(Math.min(0, health.heardAt - now) / memory)
  health.heardAt = now
  health.calls = health.calls * rest + 1
  health.failures *= rest
  if (exit._tag === "Success") {
    health.streak = 0
    ward.spared.delete(id)
    return
  }
  health.failures++
  health.streak++
  const isFailing = health.calls >= enough && health.calls - health.failures < health.calls * rules.success
  if (!isFailing && health.streak < rules.consecutive && !Fault.isRefused(exit)) return
  if (now - (ward.spared.get(id) ?? -Infinity) >= patience) {
    ward.suspects.set(id, { since: now, isLate: Fault.isLate(exit) })
  }
}

/**
 * Puts out who is suspected, as long as no more than half of those that are present are out. Forgets who is not present.
 * Somebody who fails and stays, where that was not said within the time of the longest ejection.
 */
export const judge = (
  ward: Ward,
  present: ReadonlySet<string>,
  lot: () => number,
  rules: Rules
): string | undefined => {
  const { suspects } = ward
  let toBeSaid: string | undefined
  retain(ward, present)
  for (const [id, { isLate, since }] of suspects) {
    if (ward.out.has(id)) continue
    const isOneTooMany = isLate && ward.late.size + 1 > Math.max(1, present.size * fewest)
    if (isOneTooMany || (ward.out.size + 1) * 2 > present.size) {
      if (since - ward.saidAt >= rules.longest) toBeSaid = id
      if (toBeSaid !== undefined) ward.saidAt = since
      ward.spared.set(id, since)
      continue
    }
    ward.spared.delete(id)
    const health = healthOf(ward, id, since)
    // Who has done well for long starts anew.
    if (since - health.backAt > rules.longest) health.ejections = 0
    ward.out = new Set(ward.out).add(id)
    if (isLate) ward.late.add(id)
    sentence(ward, health, since, lot(), rules)
  }
  suspects.clear()
  return toBeSaid
}

/** The trial of an instance failed: it stays out, twice as long. */
export const extend = (ward: Ward, id: string, now: number, share: number, rules: Rules): void => {
  const health = ward.healths.get(id)
  if (health !== undefined && ward.out.has(id)) sentence(ward, health, now, share, rules)
}

/** Takes an instance back. What was held against it is forgotten, but not how often it went. */
export const takeBack = (ward: Ward, id: string, now: number): void => {
  const health = ward.healths.get(id)
  if (health === undefined || !ward.out.has(id)) return
  Object.assign(health, { streak: 0, calls: 0, failures: 0, heardAt: now, backAt: now })
  release(ward, id)
}

/** Somebody whose time is over. */
export const onTrial = (ward: Ward, now: number): string | undefined => {
  if (now < ward.due) return undefined
  for (const id of ward.out) if (ward.healths.get(id)!.until <= now) return id
  return undefined
}

/** Failures of an instance since its last success, and how long it is out, where it is. */
export const standing = (ward: Ward, id: string, now: number): Pick<Standing, "ejectedFor" | "failures"> => {
  const health = ward.healths.get(id)
  return {
    failures: health?.streak ?? 0,
    ejectedFor: ward.out.has(id) ? Math.max(0, (health?.until ?? 0) - now) : undefined
  }
}

/** A trial begins: nobody else tries, but for one that comes when this one has taken as long as the longest ejection. */
export const tried = (ward: Ward, id: string, now: number, { longest }: Rules): void => {
  const health = ward.healths.get(id)
  if (health !== undefined) health.until = now + longest
  ward.due = earliest(ward)
}

/** Forgets an instance that has left. */
export const forget = (ward: Ward, id: string): void => {
  ward.healths.delete(id)
  ward.suspects.delete(id)
  ward.spared.delete(id)
  release(ward, id)
}

// ---------------------------------------------------------------------------------------------------------------------

/** Forgets all that have left. */
const retain = (ward: Ward, present: ReadonlySet<string>): void => {
  for (const id of ward.healths.keys()) if (!present.has(id)) forget(ward, id)
  ward.most = 2 * present.size + 64
}

/** After so many milliseconds a call counts for little more than a third in the success rate. */
const memory = 10_000

/** After so many milliseconds it is asked again whether enough are still out: each time all instances are looked at. */
const patience = 1000

/** No larger part is left out for being late, but for a single one: when many are late they have too much to do. */
const fewest = 0.1

/** Fewer calls say nothing of a rate. */
const enough = 5

const healthOf = (ward: Ward, id: string, now: number): Health => {
  const known = ward.healths.get(id)
  if (known !== undefined) return known
  const health = { streak: 0, calls: 0, failures: 0, heardAt: now, ejections: 0, backAt: -Infinity, until: 0 }
  ward.healths.set(id, health)
  return health
}

/** Half of the time is by lot, so that many callers do not come back at once. */
const sentence = (ward: Ward, health: Health, now: number, share: number, { base, longest }: Rules): void => {
  const length = Math.min(longest, base * 2 ** health.ejections)
  health.ejections++
  health.until = now + length / 2 + share * length / 2
  ward.due = earliest(ward)
}

const release = (ward: Ward, id: string): void => {
  if (!ward.out.has(id)) return
  ward.late.delete(id)
  const out = new Set(ward.out)
  out.delete(id)
  ward.out = out
  ward.due = earliest(ward)
}

const earliest = (ward: Ward): number => {
  let due = Infinity
  for (const id of ward.out) due = Math.min(due, ward.healths.get(id)!.until)
  return due
}
