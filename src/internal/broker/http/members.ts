/**
 * Who listens to a topic: the own subscriptions as they are now, those of others as the registry tells.
 */
import { Instance } from "../../../Registry.ts"
import type * as Listings from "../../listings.ts"

// The names under which Go Micro's broker registers, so that its tools list these subscriptions too.
export const service = "micro.http.broker"
export const broadcast = "ff.http.broadcast"

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

export const topicOf = ({ metadata }: Instance): string => metadata["topic"] ?? ""

/** Where two instances are members of the same group. */
export const partyOf = ({ id, version }: Instance): string => version === broadcast ? id : version

export const make = (listing: Listings.Listing): Members => {
  const own = new Map<string, Instance>()
  let known: { readonly list: Listings.Listing["list"]; readonly topics: Map<string, Parties> } | undefined

  const partiesOf = (topic: string): Parties => {
    const others = (listing.list ?? []).filter(({ id, metadata }) => metadata["carrier"] === carrier && !own.has(id))
    return Map.groupBy([...own.values(), ...others].filter((instance) => topicOf(instance) === topic), partyOf)
  }
  const parties = (topic: string): Parties => {
    if (known === undefined || known.list !== listing.list) known = { list: listing.list, topics: new Map() }
    const found = known.topics.get(topic)
    if (found !== undefined) return found
    if (known.topics.size >= mostTopics) known.topics.clear()
    const made = partiesOf(topic)
    known.topics.set(topic, made)
    return made
  }
  return {
    parties,
    peers: (instance) => parties(topicOf(instance)).get(partyOf(instance)) ?? [],
    isListed: ({ id }) => own.has(id) || (listing.list?.some((instance) => instance.id === id) ?? false),
    join: (instance) => {
      own.set(instance.id, instance)
      known = undefined
    },
    leave: ({ id }) => {
      own.delete(id)
      known = undefined
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Topics whose subscribers are remembered until the list changes. */
const mostTopics = 4096
