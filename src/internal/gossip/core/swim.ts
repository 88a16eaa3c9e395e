/**
 * A member of a cluster, as a thing without a wire: packets, connections and time go in, packets and changes come out.
 *
 * It is SWIM with Lifeguard as memberlist has it, so the others may be programs of Go. Everything that it does to the world
 * it does through its `Port`, and everything happens within a call: with the same calls and the same luck, the same member.
 */
import type { Endpoint, Message, PushPull } from "../wire/messages.ts"
import type * as Steps from "../wire/steps.ts"
import * as Cluster from "./cluster.ts"
import * as Exchanges from "./exchanges.ts"
import * as Members from "./members.ts"
import * as Packets from "./packets.ts"
import * as Probes from "./probes.ts"
import * as Questions from "./questions.ts"
import * as Relays from "./relays.ts"
import * as Rounds from "./rounds.ts"
import type * as Settings from "./settings.ts"
import * as Verdicts from "./verdicts.ts"

export interface Swim {
  readonly self: Members.Member
  /** Everybody that is known, oneself and the dead included. */
  readonly members: () => ReadonlyArray<Members.Member>
  readonly get: (node: string) => Members.Member | undefined
  /** Takes in what a packet held. */
  readonly receive: (messages: ReadonlyArray<Message>, from: Endpoint) => void
  /** Somebody has answered a ping over a connection. */
  readonly streamAnswered: (sequence: number) => void
  /** All that is known here, for somebody who tells the same. */
  readonly state: (isJoin: boolean, userState: Uint8Array) => PushPull
  /** Takes in what somebody else knows; a text where that is another cluster. Packets may come in between the steps. */
  readonly merge: (theirs: PushPull) => Steps.Steps<string | undefined>
  /** Tells all others something of the application. Whoever hears it passes it on by carrying it, too, and at once. */
  readonly carry: (payload: Uint8Array) => void
  /** Tells the first ones of it at once, and not with the next round. */
  readonly hurry: () => void
  /** Tells all others other facts about oneself. */
  readonly update: (meta: Uint8Array) => void
  /** Tells all others that one goes. Pings are still answered, for as long as `tick` is called. */
  readonly leave: () => void
  /** Asks a member out of turn whether it is there. */
  readonly doubt: (node: string) => void
  /** Does what is due. */
  readonly tick: () => void
  /** In how many milliseconds `tick` should be called. */
  readonly wait: () => number
}

/** A member that knows nobody yet. `overhead` is what its packets have beside their messages. */
export const make = (
  self: Cluster.Self,
  settings: Settings.Settings,
  port: Cluster.Port,
  overhead: number,
  members: Members.Members = Members.make(port.random)
): Swim => {
  const cluster = Cluster.make(self, settings, port, overhead, members)
  const { self: own, timers } = cluster
  const questions = Questions.make()
  const probes = Probes.make(cluster, questions)
  Verdicts.announce(cluster, 0)
  probes.start()
  const hurry = Rounds.start(cluster)
  let carried = 0
  const take = taking(cluster, questions)
  return {
    self: own,
    members: members.list,
    get: members.get,
    receive: (messages, from) => {
      const before = carried
      for (const message of messages) take(message, from)
      if (carried > before) hurry()
    },
    streamAnswered: questions.reached,
    state: (isJoin, userState) => Exchanges.state(cluster, isJoin, userState),
    merge: (theirs) => Exchanges.merge(cluster, theirs),
    carry: (payload) => {
      carried++
      cluster.queue.carry(Packets.carried(payload))
    },
    hurry,
    update: (meta) => {
      own.meta = meta
      if (cluster.isLeaving) return
      Verdicts.announce(cluster, 0)
    },
    leave: () => {
      cluster.isLeaving = true
      const { incarnation, node } = own
      Verdicts.dead(cluster, { _tag: "Dead", incarnation, node, from: node })
    },
    doubt: (node) => {
      const member = members.get(node)
      if (member !== undefined) probes.doubt(member)
    },
    tick: timers.tick,
    wait: () => timers.wait() ?? settings.probeInterval
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const taking = (cluster: Cluster.Cluster, questions: Questions.Questions) => {
  const relay = Relays.make(cluster, questions)
  return (message: Message, from: Endpoint): void => {
    switch (message._tag) {
      case "Ping":
        return Probes.answer(cluster, message, from)
      case "IndirectPing":
        return relay(message, from)
      case "Ack":
        return questions.answered(message.sequence)
      case "Nack":
        return questions.refused(message.sequence)
      case "Alive":
        return Verdicts.alive(cluster, message)
      case "Suspect":
        return Verdicts.suspect(cluster, message)
      case "Dead":
        return Verdicts.dead(cluster, message)
      case "User":
        return cluster.port.heard(message.payload, from)
    }
  }
}
