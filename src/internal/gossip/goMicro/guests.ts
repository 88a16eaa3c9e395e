/**
 * Services of members that run Go Micro, as records of those members.
 *
 * Such a member tells a few others, once, and what it told lives on by their clocks until it says so again. Here whoever
 * is told writes the record that the member would have written, which is the same one wherever it is written: so it is
 * passed on, and lives as long as its member does.
 *
 * To who joins it tells all that it knows, and not whose it is. That is hearsay, of the member on the same host: it is
 * not passed on, it counts until a record comes, and it is forgotten unless it is heard again.
 */
import * as Equal from "effect/Equal"
import type { Instance } from "../../../Registry.ts"
import type { Member } from "../core/members.ts"
import { isSameEndpoint } from "../core/verdicts.ts"
import * as Endpoints from "../registry/endpoints.ts"
import * as News from "../registry/news.ts"
import { hearsay, maxRecord, type Record, type Records } from "../registry/records.ts"
import type { Endpoint } from "../wire/messages.ts"
import { isProblem, type Problem } from "../wire/problem.ts"
import * as Updates from "./updates.ts"

/** What is known of a cluster: who may be a guest, and what was told so far. */
export interface Known {
  readonly guests: ReadonlyArray<Member>
  readonly records: Records
}

/** The record of what came in a packet; nothing where it is no news, or of nobody who is known. */
export const heard = (known: Known, payload: Uint8Array, from: Endpoint): Record | Problem | undefined => {
  const update = Updates.read(payload)
  if (update === undefined || isProblem(update)) return update
  const guest = known.guests.find((guest) => isSameEndpoint(guest, from))
  const written = guest && record(guest.node, update, known.records.get(guest.node, update.service))
  if (written === undefined || written.bytes.length <= maxRecord) return written
  const message =
    `A member of Go Micro has more instances of ${update.service} than a record of ${maxRecord} bytes holds`
  return { _tag: "Problem", kind: "TooLarge", message }
}

/** The records of what was told in answer to a join. */
export const told = ({ guests, records }: Known, state: Uint8Array): ReadonlyArray<Record> | Problem => {
  const instances = Updates.readState(state)
  if (instances === undefined) return []
  if (isProblem(instances)) return instances
  const byHost = Map.groupBy(guests, Endpoints.hostOf)
  const byOwner = Map.groupBy(instances, (instance) => {
    const there = (byHost.get(hostOf(instance)) ?? []).map(({ node }) => node)
    const isKnown = there.some((node) => (records.get(node, instance.service)?.sequence ?? hearsay) !== hearsay)
    // The same one each time. Where one there has told of the service itself, that counts.
    return isKnown ? undefined : there.toSorted()[0]
  })
  byOwner.delete(undefined)
  return [...byOwner].flatMap(([node = "", instances]) =>
    [...Map.groupBy(instances, ({ service }) => service)].map(([service, instances]) => {
      const { life = 0 } = records.get(node, service) ?? {}
      return News.record({ node, service, instances, sequence: hearsay, life: life + 1 })
    })
  )
}

// ---------------------------------------------------------------------------------------------------------------------

const hostOf = ({ address }: Instance): string => URL.parse(address)?.hostname.replace(/^\[|\]$/g, "") ?? ""

const record = (node: string, update: Updates.Update, held: Record | undefined): Record | undefined => {
  const { service } = update
  const facts = update._tag === "Came" ? came(update, held) : went(update, held)
  return facts && News.record({ node, service, ...facts })
}

type Facts = Pick<Record, "instances" | "life" | "sequence">

/** The version is the second of an update, and its millisecond, with room for those that take back what it said. */
const came = ({ expires, instances }: Updates.Update, held: Record | undefined): Facts | undefined => {
  const isHeld = held !== undefined && held.sequence !== hearsay
  // Said again, which it is twice a minute.
  if (isHeld && instances.every((one) => held.instances.some((other) => Equal.equals(one, other)))) return undefined
  return {
    instances: isHeld ? [...without(held.instances, instances), ...instances] : instances,
    sequence: Math.floor(expires / 1000),
    life: expires % 1000 * room
  }
}

/** What is taken back has no time of its own. */
const went = ({ instances }: Updates.Update, held: Record | undefined): Facts | undefined => {
  if (held === undefined) return undefined
  const left = without(held.instances, instances)
  if (left.length === held.instances.length) return undefined
  return {
    instances: left,
    sequence: Math.max(held.sequence, hearsay + 1),
    life: Math.min(held.life + 1, 0xFFFF_FFFF)
  }
}

const without = (instances: ReadonlyArray<Instance>, others: ReadonlyArray<Instance>): ReadonlyArray<Instance> =>
  instances.filter(({ id }) => !others.some((other) => other.id === id))

/** How often within a millisecond. */
const room = 4_000_000
