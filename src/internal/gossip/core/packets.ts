/**
 * Packets on their way out: what has to be said, and as much news as fits beside it.
 */
import * as Bodies from "../wire/bodies.ts"
import type { Endpoint, Message } from "../wire/messages.ts"
import { maxMessages } from "../wire/packet.ts"
import { type Cluster, readsChecksums } from "./cluster.ts"
import type { Member } from "./members.ts"
import * as Settings from "./settings.ts"

/** Sends messages, with news beside them. */
export const send = (cluster: Cluster, to: Endpoint, ...messages: ReadonlyArray<Message>): void => {
  const written = messages.map(Bodies.write)
  const used = written.reduce((sum, { length }) => sum + length + perMessage, 0)
  cluster.port.send(to, [...written, ...news(cluster, used, maxMessages - written.length)], false)
}

/** Tells some members the news, those that died lately among them: one of them may be alive after all. Who left is not. */
export const gossip = (cluster: Cluster): void => {
  const { members, port, queue, self, settings, timers } = cluster
  if (queue.size() === 0) return
  const isTold = (member: Member): boolean =>
    member !== self && member.state !== "left"
    && (member.state !== "dead" || timers.now() - member.changedAt < settings.gossipToTheDead)
  for (const member of members.draw(settings.gossipNodes, isTold)) {
    const messages = news(cluster, 0, maxMessages)
    if (messages.length === 0) return
    port.send(member, messages, readsChecksums(member))
  }
}

/** Something of the application, as it is carried. */
export const carried = (payload: Uint8Array): Uint8Array => Bodies.write({ _tag: "User", payload })

// ---------------------------------------------------------------------------------------------------------------------

/** Where a packet has several messages, it says how long each of them is. */
const perMessage = 2

const news = (cluster: Cluster, used: number, most: number): ReadonlyArray<Uint8Array> => {
  const { members, overhead, queue, settings } = cluster
  if (queue.size() === 0) return []
  const room = settings.packetSize - overhead - used
  return queue.take(room, perMessage, most, Settings.retransmits(settings, members.size()))
}
