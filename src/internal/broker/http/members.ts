/**
 * Who listens to a topic: the own subscriptions as they are now, those of others as the registry tells.
 */
import { Instance } from "../../../Registry.ts"
import type * as Listings from "../../listings.ts"

// The names under which Go Micro's broker registers, so that its tools list these subscriptions too.
export const service = "micro.http.broker"
export const broadcast = "ff.http.broadcast"

/** The same of Go Micro's first version. */
export const firstService = "go.micro.http.broker"

// What tells these subscriptions from those of Go Micro.
const carrier = "effect-micro"

/** By party: the id of a subscriber without a group, or the name of a group. */
export type Parties = ReadonlyMap<string, ReadonlyArray<Instance>>

export interface Members {
  readonly parties: (topic: string) => Parties
  /** All members of the group that an instance is one of; itself alone where it has no group. */
  readonly peers: (instance: Instance) => ReadonlyArray<Instance>
  readonly isListed: (instance: Instance) => boolean
  /** A subscription of this process, from now on. */
  readonly join: (instance: Instance) => void
  readonly leave: (instance: Instance) => void
}

/** A subscription as it is registered. */
export const makeInstance = (topic: string, group: string | undefined, id: string, address: string): Instance =>
  new Instance({
    // A label of DNS has 63 bytes: 32 for the id, 1 between, 30 of the topic for people to read.
    id: `${topic.replaceAll(/[^\w.-]/g, "_").slice(0, 30)}-${id}`,
    service,
    version: group ?? broadcast,
    address,
    metadata: { broker: "http", topic, secure: String(/^(micro|http)s:/.test(address)), carrier },
    endpoints: []
  })

/** Whether an instance speaks our frames; the others are brokers of Go Micro. */
export const isOurs = ({ metadata }: Instance): boolean => metadata["carrier"] === carrier

export const topicOf = ({ metadata }: Instance): string => metadata["topic"] ?? ""

/** Where two instances are members of the same group. */
export const partyOf = ({ id, version }: Instance): string => version === broadcast ? id : version

/** The members that the lists of these services tell of, the first of which is the one that ours register under. */
export const make = (listings: ReadonlyArray<Listings.Listing>): Members => {
  const own = new Map<string, Instance>()
  let known = new Map<string, Parties>()
  let lists: ReadonlyArray<Listings.Listing["list"]> = []

  const partiesOf = (topic: string): Parties => {
    // Where ours are listed a second time, for the first version of Go Micro, that is for nobody else.
    const others = listings.flatMap(({ list = [] }, at) =>
      list.filter((instance) => !own.has(instance.id) && (at === 0 || !isOurs(instance)))
    )
    return Map.groupBy([...own.values(), ...others].filter((instance) => topicOf(instance) === topic), partyOf)
  }
  const parties = (topic: string): Parties => {
    const isSame = listings.every(({ list }, at) => list === lists[at])
    if (!isSame || known.size >= mostTopics) known = new Map()
    if (!isSame) lists = listings.map(({ list }) => list)
    const found = known.get(topic)
    if (found !== undefined) return found
    const made = partiesOf(topic)
    known.set(topic, made)
    return made
  }
  return {
    parties,
    peers: (instance) => parties(topicOf(instance)).get(partyOf(instance)) ?? [],
    isListed: ({ id }) =>
      own.has(id) || listings.some(({ list }) => list?.some((instance) => instance.id === id) === true),
    join: (instance) => {
      own.set(instance.id, instance)
      known = new Map()
    },
    leave: ({ id }) => {
      own.delete(id)
      known = new Map()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Topics whose subscribers are remembered until the list changes. */
const mostTopics = 4096
