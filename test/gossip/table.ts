/**
 * Members that many clusters of one process share, as long as each knows the same of them: ten thousand members that know
 * each other would be a hundred million records.
 *
 * Each cluster has a view with what it knows better. Who is dead is not forgotten here, and nobody is added later.
 */
import type { Member, Members } from "../../src/internal/gossip/core/members.ts"

export interface Table {
  readonly view: (random: () => number) => Members
}

export const make = (members: ReadonlyArray<Member>): Table => {
  const places = new Map(members.map(({ node }, place) => [node, place]))
  return { view: (random) => view(members, places, random) }
}

// ---------------------------------------------------------------------------------------------------------------------

const view = (
  members: ReadonlyArray<Member>,
  places: ReadonlyMap<string, number>,
  random: () => number
): Members => {
  const own = new Map<number, Member>()
  const size = members.length
  const below = (limit: number): number => Math.floor(random() * limit)
  const at = (place: number): Member => own.get(place) ?? members[place]!
  // An order is a first one and a stride without a common divisor: all are met once, and no list is kept.
  let first = below(size)
  let stride = strideOf(size, below)
  return {
    get: (node) => {
      const place = places.get(node)
      return place === undefined ? undefined : at(place)
    },
    own: (member) => {
      const place = places.get(member.node)!
      const known = own.get(place) ?? { ...member }
      own.set(place, known)
      return known
    },
    at: (index) => index < size ? at((first + index * stride) % size) : undefined,
    add: (member) => {
      const place = places.get(member.node)
      if (place === undefined) throw new Error(`${member.node} is not in the table`)
      own.set(place, member)
    },
    size: () => size,
    list: () => members.map((_, place) => at(place)),
    shuffle: () => {
      first = below(size)
      stride = strideOf(size, below)
    },
    draw: (count, passes) => {
      const drawn: Array<Member> = []
      for (let look = 0; look < 3 * size && drawn.length < count; look++) {
        const member = at(below(size))
        if (!drawn.includes(member) && passes(member)) drawn.push(member)
      }
      return drawn
    }
  }
}

const strideOf = (size: number, below: (limit: number) => number): number => {
  for (;;) {
    const stride = 1 + below(size)
    if (divisor(stride, size) === 1) return stride
  }
}

const divisor = (one: number, other: number): number => other === 0 ? one : divisor(other, one % other)
