/**
 * All members that one of them knows of, the dead included until they are forgotten.
 */
import type { Endpoint, NodeState, State, Versions } from "../wire/messages.ts"
import type { Suspicion } from "./suspicion.ts"

/** A member. Only the cluster's own rules change it. */
export interface Member extends Endpoint {
  readonly node: string
  address: Uint8Array
  port: number
  incarnation: number
  meta: Uint8Array
  versions: Versions
  state: State
  /** When it came into this state. */
  changedAt: number
  suspicion: Suspicion | undefined
}

export interface Members {
  readonly get: (node: string) => Member | undefined
  /** The member, to be changed: where several clusters of a simulation share it, one of one's own. */
  readonly own: (member: Member) => Member
  /** By its place in the order of probes. */
  readonly at: (index: number) => Member | undefined
  /** Adds one at a random place among those that are still to be probed, so that a crowd of new ones is spread. */
  readonly add: (member: Member) => void
  /** How many are known, the dead included. */
  readonly size: () => number
  /** All of them, in the order of probes. */
  readonly list: () => ReadonlyArray<Member>
  /** Those to be probed in the next round, in a new order; who passes is forgotten. */
  readonly shuffle: (isForgotten: (member: Member) => boolean) => void
  /** Up to so many different ones that pass, by lot. */
  readonly draw: (count: number, passes: (member: Member) => boolean) => ReadonlyArray<Member>
}

/** No members, with luck from 0 to 1. */
export const make = (random: () => number): Members => {
  const byName = new Map<string, Member>()
  const list: Array<Member> = []
  const below = (limit: number): number => Math.floor(random() * limit)
  const swap = (one: number, other: number): void => {
    const member = list[one]!
    list[one] = list[other]!
    list[other] = member
  }
  return {
    get: (node) => byName.get(node),
    own: (member) => member,
    at: (index) => list[index],
    add: (member) => {
      byName.set(member.node, member)
      swap(list.push(member) - 1, below(list.length))
    },
    size: () => list.length,
    list: () => list,
    shuffle: (isForgotten) => {
      let kept = 0
      for (const member of list) {
        if (isForgotten(member)) byName.delete(member.node)
        else list[kept++] = member
      }
      list.length = kept
      for (let index = kept - 1; index > 0; index--) swap(index, below(index + 1))
    },
    draw: (count, passes) => {
      const drawn: Array<Member> = []
      // Three looks for each member are enough to find who is there, and few enough for a cluster of the dead.
      for (let look = 0; look < 3 * list.length && drawn.length < count; look++) {
        const member = list[below(list.length)]!
        if (!drawn.includes(member) && passes(member)) drawn.push(member)
      }
      return drawn
    }
  }
}

export const isGone = ({ state }: Member): boolean => state === "dead" || state === "left"

/** The member as it is told to others. */
export const toState = (member: Member): NodeState => ({
  node: member.node,
  incarnation: member.incarnation,
  address: member.address,
  port: member.port,
  meta: member.meta,
  state: member.state,
  versions: member.versions
})
