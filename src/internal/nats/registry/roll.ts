/**
 * Who is there, as far as it was heard: those of this process until they leave, others for as long as they say so.
 */
import * as Equal from "effect/Equal"
import type { Instance } from "../../../Registry.ts"
import * as Roster from "../../registry/roster.ts"
import type { Gone, Here } from "./notice.ts"

/** Somebody who is there. When that is over changes with each heartbeat, which changes no list. */
interface Member {
  readonly instance: Instance
  readonly isOwn: boolean
  ttl: number
  /** In milliseconds. */
  until: number
}

/** By service and by id; a service without members has no entry. */
type Services = ReadonlyMap<string, ReadonlyMap<string, Member>>

export interface Roll {
  /** Whether those who are there had the time to say so. */
  readonly isKnown: boolean
  readonly services: Services
}

export const empty: Roll = { isKnown: false, services: new Map() }

export const know = (roll: Roll): Roll => ({ ...roll, isKnown: true })

/** Somebody else has said that it is there. */
export const hear = ({ instance, ttl }: Here, now: number) => (roll: Roll): Roll => {
  const member = find(roll, instance)
  if (member?.isOwn === true) return roll
  if (member !== undefined && Equal.equals(member.instance, instance)) {
    member.ttl = ttl
    member.until = now + ttl
    return roll
  }
  if (member === undefined && sizeOf(roll) >= capacity) return roll
  return put(roll, { instance, isOwn: false, ttl, until: now + ttl })
}

/** One of this process is there. */
export const enter = (instance: Instance) => (roll: Roll): Roll =>
  put(roll, { instance, isOwn: true, ttl: 0, until: Number.POSITIVE_INFINITY })

/** One of this process has left. */
export const leave = (instance: Instance) => (roll: Roll): Roll =>
  find(roll, instance)?.isOwn === true ? without(roll, instance) : roll

/** Somebody has said that it leaves; what this process has, it knows better. */
export const miss = (gone: Gone) => (roll: Roll): Roll => find(roll, gone)?.isOwn === false ? without(roll, gone) : roll

/** Takes out those of whom nothing was heard for too long. */
export const expire = (now: number) => (roll: Roll): Roll => {
  let next = roll
  for (const members of roll.services.values()) {
    for (const { instance, until } of members.values()) if (until < now) next = without(next, instance)
  }
  return next
}

/** Somebody has until then to say that it is there. Whether it is known, and has to. */
export const doubt = (roll: Roll, instance: Instance, until: number): boolean => {
  const member = find(roll, instance)
  if (member === undefined || member.isOwn) return false
  member.until = Math.min(member.until, until)
  return true
}

/** Nothing could be heard of anybody: all have their time from now on. */
export const excuse = ({ services }: Roll, now: number): void => {
  for (const members of services.values()) for (const member of members.values()) member.until = now + member.ttl
}

export const rosterOf = ({ services }: Roll, service: string): Roster.Roster =>
  Roster.fromInstances(Array.from(services.get(service)?.values() ?? [], ({ instance }) => instance))

export const servicesOf = ({ services }: Roll): ReadonlyArray<string> => [...services.keys()].toSorted()

// ---------------------------------------------------------------------------------------------------------------------

/** Instances that are known at a time; of more than these nothing is heard. */
const capacity = 65_536

const find = ({ services }: Roll, { id, service }: Gone): Member | undefined => services.get(service)?.get(id)

const sizeOf = ({ services }: Roll): number => {
  let size = 0
  for (const members of services.values()) size += members.size
  return size
}

const put = (roll: Roll, member: Member): Roll => {
  const { id, service } = member.instance
  const members = new Map(roll.services.get(service)).set(id, member)
  return { ...roll, services: new Map(roll.services).set(service, members) }
}

const without = (roll: Roll, { id, service }: Gone): Roll => {
  const members = new Map(roll.services.get(service))
  members.delete(id)
  const services = new Map(roll.services)
  if (members.size === 0) services.delete(service)
  else services.set(service, members)
  return { ...roll, services }
}
