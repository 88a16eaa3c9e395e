/**
 * What is believed about members: who is alive, who is suspected, who is gone; and how one defends oneself.
 *
 * Each member counts its own incarnations. News of an older one is no news, and only the member itself makes a newer one.
 */
import { Buffer } from "node:buffer"
import * as Bodies from "../wire/bodies.ts"
import type { Alive, Dead, Endpoint, Message, Range, Suspect, Versions } from "../wire/messages.ts"
import { type Cluster, feel } from "./cluster.ts"
import { isGone, type Member } from "./members.ts"
import * as Settings from "./settings.ts"
import * as Suspicion from "./suspicion.ts"

/** Somebody says that a member is there. */
export const alive = (cluster: Cluster, news: Alive): void => {
  const { members, port, self } = cluster
  if (isTooLong(news.node)) return
  const problem = incompatibility(news.versions, self.versions)
  if (problem !== undefined) return port.changed({ _tag: "Incompatible", node: news.node, problem })
  const known = members.get(news.node)
  if (known === undefined) return join(cluster, news)
  const isMoved = !isSameEndpoint(known, news)
  if (isMoved && !isReclaimable(cluster, known)) {
    return port.changed({ _tag: "Conflict", member: known, other: { address: news.address, port: news.port } })
  }
  if (known === self) return aliveSelf(cluster, news)
  // One that has moved is another process, and counts from the beginning.
  if (isMoved || news.incarnation > known.incarnation) revive(cluster, members.own(known), news)
}

/** Somebody says that a member does not answer. */
export const suspect = (cluster: Cluster, news: Suspect): void => {
  const { members, port, queue, self, timers } = cluster
  const known = members.get(news.node)
  if (known === undefined || !isCredible(news, known)) return
  if (known.suspicion?.confirm(news.from) === true) return queue.tell(news.node, Bodies.write(news))
  if (known.state !== "alive") return
  if (known === self) return refute(cluster, news.incarnation)
  const member = members.own(known)
  queue.tell(news.node, Bodies.write(news))
  member.incarnation = news.incarnation
  member.state = "suspect"
  member.changedAt = timers.now()
  member.suspicion = Suspicion.make(timers, terms(cluster), news.from, () => {
    if (member.state !== "suspect") return
    dead(cluster, { _tag: "Dead", incarnation: member.incarnation, node: member.node, from: self.node })
  })
  port.changed({ _tag: "Suspected", member })
}

/** Somebody says that a member is gone; or it says so itself. */
export const dead = (cluster: Cluster, news: Dead): void => {
  const { members, port, queue, self, timers } = cluster
  const known = members.get(news.node)
  if (known === undefined || !isCredible(news, known) || isGone(known)) return
  if (known === self && !cluster.isLeaving) return refute(cluster, news.incarnation)
  const member = members.own(known)
  clear(member)
  queue.tell(news.node, Bodies.write(news))
  member.incarnation = news.incarnation
  member.state = news.node === news.from ? "left" : "dead"
  member.changedAt = timers.now()
  port.changed({ _tag: member.state === "left" ? "Left" : "Failed", member })
}

/** Tells of oneself anew, above what others may have said of it. */
export const announce = (cluster: Cluster, above: number): void => {
  const { queue, self } = cluster
  self.incarnation = Math.min(Math.max(self.incarnation, above) + 1, lastIncarnation)
  queue.tell(self.node, Bodies.write(about(self)))
}

/** The news that a member is there. */
export const about = (member: Member): Message & { readonly _tag: "Alive" } => ({
  _tag: "Alive",
  incarnation: member.incarnation,
  node: member.node,
  address: member.address,
  port: member.port,
  meta: member.meta,
  versions: member.versions
})

/** The most bytes of a name, so that news of a member fits into a packet beside a question. */
export const maxName = 255

export const isSameEndpoint = (one: Endpoint, other: Endpoint): boolean =>
  one.port === other.port && isSame(one.address, other.address)

// ---------------------------------------------------------------------------------------------------------------------

/** The largest incarnation that can be written. */
const lastIncarnation = 0xFFFF_FFFF

const isTooLong = (name: string): boolean => Buffer.byteLength(name) > maxName

/** Whether an accusation is not older than what is known, and one that could be answered by a newer incarnation. */
const isCredible = ({ from, incarnation }: Suspect | Dead, { incarnation: known, node }: Member): boolean =>
  incarnation >= known && !isTooLong(from) && (incarnation < lastIncarnation || from === node)

/** Whether the name of a member may go to a process at another address. */
const isReclaimable = ({ settings, timers }: Cluster, { changedAt, state }: Member): boolean =>
  state === "left" || state === "dead" && timers.now() - changedAt > settings.deadNodeReclaim

/** Why a member cannot be spoken to here. */
const incompatibility = (theirs: Versions, ours: Versions): string | undefined => {
  const { current, max, min } = theirs.protocol
  if (min === 0 || max === 0 || min > max || current < min || current > max) {
    return `It says that it speaks version ${current} of ${min} to ${max}`
  }
  // The port is no part of its messages: everybody would be taken for its neighbour on the same one.
  if (current < 2) return "It speaks version 1 of the protocol, which has no ports"
  // Whoever took it in would be refused by all others for it, as long as it is remembered.
  for (const kind of ["protocol", "delegate"] as const) {
    const [their, our] = [theirs[kind], ours[kind]]
    if (!isWithin(their.current, our) || !isWithin(our.current, their)) {
      return `It speaks version ${their.current} of the ${kind} and understands ${their.min} to ${their.max}; here it is ${`${our.current}, and ${our.min} to ${our.max}`}`
    }
  }
  return undefined
}

const isWithin = (version: number, { max, min }: Range): boolean => version >= min && version <= max

const join = (cluster: Cluster, news: Alive): void => {
  const { address, incarnation, meta, node, port, versions } = news
  const { maxMembers } = cluster.settings
  if (cluster.members.size() >= maxMembers) return cluster.port.changed({ _tag: "Full", node, maxMembers })
  const member: Member = {
    node,
    address,
    port,
    incarnation,
    meta,
    versions,
    state: "alive",
    changedAt: cluster.timers.now(),
    suspicion: undefined
  }
  cluster.members.add(member)
  cluster.queue.tell(node, Bodies.write(news))
  cluster.port.changed({ _tag: "Joined", member })
}

const revive = (cluster: Cluster, member: Member, news: Alive): void => {
  const { port, queue, timers } = cluster
  const before = member.state
  const isNew = !isSame(member.meta, news.meta)
  clear(member)
  queue.tell(news.node, Bodies.write(news))
  member.address = news.address
  member.port = news.port
  member.incarnation = news.incarnation
  member.meta = news.meta
  member.versions = news.versions
  member.state = "alive"
  if (before !== "alive") member.changedAt = timers.now()
  if (before === "dead" || before === "left") return port.changed({ _tag: "Joined", member })
  if (before === "suspect") port.changed({ _tag: "Cleared", member })
  if (isNew) port.changed({ _tag: "Updated", member })
}

const aliveSelf = (cluster: Cluster, news: Alive): void => {
  const { self } = cluster
  if (news.incarnation < self.incarnation || cluster.isLeaving) return
  const isEcho = news.incarnation === self.incarnation && isSame(news.meta, self.meta)
    && isSameVersions(news.versions, self.versions)
  // What is said of an earlier life under the same name.
  if (!isEcho) refute(cluster, news.incarnation)
}

/** Answers an accusation. To have to is a sign that one is slow. */
const refute = (cluster: Cluster, accused: number): void => {
  if (cluster.isLeaving) return
  announce(cluster, accused)
  feel(cluster, 1)
}

const clear = (member: Member): void => {
  member.suspicion?.end()
  member.suspicion = undefined
}

const terms = ({ members, settings }: Cluster): Suspicion.Terms => {
  const least = Settings.suspicion(settings, members.size())
  const wanted = settings.suspicionMult - 2
  // Without that many others there is nobody to confirm it.
  return { least, most: least * settings.suspicionMaxMult, wanted: members.size() - 2 < wanted ? 0 : wanted }
}

const isSameVersions = (one: Versions, other: Versions): boolean =>
  isSameRange(one.protocol, other.protocol) && isSameRange(one.delegate, other.delegate)

const isSameRange = (one: Range, other: Range): boolean =>
  one.min === other.min && one.max === other.max && one.current === other.current

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, index) => byte === other[index])
