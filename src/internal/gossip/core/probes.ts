/**
 * Whether members are there: each is asked in turn, by oneself, through others, and over a connection.
 */
import type { Endpoint, IndirectPing, Message, Ping } from "../wire/messages.ts"
import { type Cluster, feel } from "./cluster.ts"
import { isGone, type Member } from "./members.ts"
import * as Packets from "./packets.ts"
import type { Timer } from "./timers.ts"
import * as Verdicts from "./verdicts.ts"

export interface Probes {
  readonly start: () => void
  readonly pinged: (ping: Ping, from: Endpoint) => void
  readonly asked: (ping: IndirectPing, from: Endpoint) => void
  readonly answered: (sequence: number) => void
  /** Who was asked to ask has had no answer. */
  readonly refused: (sequence: number) => void
}

/** A question that is open. */
interface Question {
  readonly answered: () => void
  readonly refused: () => void
}

export const make = (cluster: Cluster): Probes => {
  const { members, port, self, settings, timers } = cluster
  const questions = new Map<number, Question>()
  let sequence = 0
  let next = 0

  const ask = (question: Question): number => {
    sequence = sequence + 1 >>> 0
    questions.set(sequence, question)
    return sequence
  }
  const source = () => ({ address: self.address, port: self.port, node: self.node })

  /** The next one that is not known to be gone. The dead are forgotten, and the order is another one, after each round. */
  const turn = (): Member | undefined => {
    for (let look = members.size(); look >= 0; look--) {
      const member = members.list()[next]
      if (member === undefined) {
        members.shuffle((member) => isGone(member) && timers.now() - member.changedAt > settings.gossipToTheDead)
        next = 0
        continue
      }
      next++
      if (member !== self && !isGone(member)) return member
    }
    return undefined
  }

  const probe = (): void => {
    const member = turn()
    if (member === undefined) return void timers.after(settings.probeInterval, probe)
    const start = timers.now()
    // Who is unwell itself gives others more time.
    const interval = settings.probeInterval * (cluster.awareness + 1)
    const helpers = { asked: 0, refused: 0 }
    let later: Timer | undefined
    const end = (sequence: number) => {
      questions.delete(sequence)
      timers.cancel(later)
      timers.cancel(deadline)
    }
    const id = ask({
      answered: () => {
        end(id)
        feel(cluster, -1)
        timers.after(Math.max(0, start + settings.probeInterval - timers.now()), probe)
      },
      refused: () => {
        helpers.refused++
      }
    })
    const deadline = timers.after(interval, () => {
      end(id)
      feel(cluster, helpers.asked > 0 ? Math.max(0, helpers.asked - helpers.refused) : 1)
      accuse(cluster, member)
      probe()
    })
    later = timers.after(settings.probeTimeout, () => {
      helpers.asked = askOthers(cluster, member, id)
      if (member.versions.protocol.max >= 3) port.pingByStream(member, id)
    })
    const ping: Ping = { _tag: "Ping", sequence: id, node: member.node, source: source() }
    // A suspect hears of it as early as it can, so that it can say that it is there.
    const messages: ReadonlyArray<Message> = member.state === "alive" ? [ping] : [ping, accusation(cluster, member)]
    Packets.send(cluster, member, ...messages)
  }

  return {
    start: () => void timers.after(cluster.port.random() * settings.probeInterval, probe),
    pinged: (ping, from) => {
      if (ping.node === self.node) Packets.send(cluster, ping.source ?? from, { _tag: "Ack", sequence: ping.sequence })
    },
    asked: (ping, from) => {
      const asker = ping.source ?? from
      const nack = !ping.wantsNack ? undefined : timers.after(settings.probeTimeout, () => {
        Packets.send(cluster, asker, { _tag: "Nack", sequence: ping.sequence })
      })
      const id = ask({
        answered: () => {
          questions.delete(id)
          timers.cancel(nack)
          timers.cancel(forget)
          Packets.send(cluster, asker, { _tag: "Ack", sequence: ping.sequence })
        },
        refused: () => undefined
      })
      const forget = timers.after(settings.probeInterval, () => questions.delete(id))
      Packets.send(cluster, ping.target, { _tag: "Ping", sequence: id, node: ping.node, source: source() })
    },
    answered: (sequence) => questions.get(sequence)?.answered(),
    refused: (sequence) => questions.get(sequence)?.refused()
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const accusation = ({ self }: Cluster, member: Member): Message & { readonly _tag: "Suspect" } => ({
  _tag: "Suspect",
  incarnation: member.incarnation,
  node: member.node,
  from: self.node
})

const accuse = (cluster: Cluster, member: Member): void => Verdicts.suspect(cluster, accusation(cluster, member))

/** Asks some others to ask. Returns how many of them say so when they get no answer. */
const askOthers = (cluster: Cluster, target: Member, sequence: number): number => {
  const { members, self, settings } = cluster
  const helpers = members.draw(
    settings.indirectChecks,
    (member) => member !== self && member !== target && member.state === "alive"
  )
  let nacks = 0
  for (const helper of helpers) {
    const wantsNack = helper.versions.protocol.max >= 4
    if (wantsNack) nacks++
    Packets.send(cluster, helper, {
      _tag: "IndirectPing",
      sequence,
      node: target.node,
      target: { address: target.address, port: target.port },
      wantsNack,
      source: { address: self.address, port: self.port, node: self.node }
    })
  }
  return nacks
}
