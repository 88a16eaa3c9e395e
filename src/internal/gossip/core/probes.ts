/**
 * Whether members are there: each is asked in turn, by oneself, through others, and over a connection.
 */
import type { Endpoint, Message, Ping } from "../wire/messages.ts"
import { type Cluster, feel, sourceOf } from "./cluster.ts"
import { isGone, type Member } from "./members.ts"
import * as Packets from "./packets.ts"
import type { Questions } from "./questions.ts"
import * as Verdicts from "./verdicts.ts"

export interface Probes {
  readonly start: () => void
  /** Asks a member out of turn, unless it is being asked so. */
  readonly doubt: (member: Member) => void
}

export const make = (cluster: Cluster, questions: Questions): Probes => {
  const { self, settings, timers } = cluster
  const doubted = new Set<Member>()
  const turn = makeTurns(cluster)
  const probe = (): void => {
    const member = turn()
    if (member === undefined) return void timers.after(settings.probeInterval, probe)
    const start = timers.now()
    examine(cluster, questions, member, (hasAnswered) => {
      if (!hasAnswered) return probe()
      timers.after(Math.max(0, start + settings.probeInterval - timers.now()), probe)
    })
  }
  return {
    start: () => void timers.after(cluster.port.random() * settings.probeInterval, probe),
    doubt: (member) => {
      if (member === self || isGone(member) || doubted.has(member) || doubted.size >= mostDoubted) return
      doubted.add(member)
      examine(cluster, questions, member, () => doubted.delete(member))
    }
  }
}

/** Answers a question that is meant for this member. Who does not say whom it means is older than that rule. */
export const answer = (cluster: Cluster, { node, sequence, source }: Ping, from: Endpoint): void => {
  if (node === cluster.self.node || node === "") Packets.send(cluster, source ?? from, { _tag: "Ack", sequence })
}

// ---------------------------------------------------------------------------------------------------------------------

/** So many are asked out of turn at once: doubt must not become a storm. */
const mostDoubted = 16

/** The next one that is not known to be gone. The dead are forgotten, and the order is another one, after each round. */
const makeTurns = ({ members, self, settings, timers }: Cluster) => {
  const isForgotten = (member: Member): boolean =>
    member !== self && isGone(member) && timers.now() - member.changedAt > settings.gossipToTheDead
  let next = 0
  return (): Member | undefined => {
    for (let look = members.size(); look >= 0; look--) {
      const member = members.at(next)
      if (member === undefined) {
        members.shuffle(isForgotten)
        next = 0
        continue
      }
      next++
      if (member !== self && !isGone(member)) return member
    }
    return undefined
  }
}

/** Asks a member, and suspects it if nobody has an answer from it in time. */
const examine = (
  cluster: Cluster,
  questions: Questions,
  member: Member,
  done: (hasAnswered: boolean) => void
): void => {
  const { port, settings, timers } = cluster
  const helpers = { asked: 0, refused: 0 }
  let isReached = false
  const end = () => {
    questions.close(sequence)
    timers.cancel(later)
    timers.cancel(deadline)
  }
  const sequence = questions.open({
    answered: () => {
      end()
      feel(cluster, -1)
      done(true)
    },
    // It is alive, and packets get lost: that says nothing about whose fault it is.
    reached: () => {
      isReached = true
    },
    refused: () => {
      helpers.refused++
    }
  })
  // Who is unwell itself gives others more time.
  const deadline = timers.after(settings.probeInterval * (cluster.awareness + 1), () => {
    end()
    if (!isReached) {
      feel(cluster, helpers.asked > 0 ? Math.max(0, helpers.asked - helpers.refused) : 1)
      Verdicts.suspect(cluster, accusation(cluster, member))
    }
    done(false)
  })
  const later = timers.after(settings.probeTimeout, () => {
    helpers.asked = askOthers(cluster, member, sequence)
    if (member.versions.protocol.max >= 3) port.pingByStream(member, sequence)
  })
  const ping: Ping = { _tag: "Ping", sequence, node: member.node, source: sourceOf(cluster) }
  // A suspect hears of it as early as it can, so that it can say that it is there.
  const messages: ReadonlyArray<Message> = member.state === "alive" ? [ping] : [ping, accusation(cluster, member)]
  Packets.send(cluster, member, ...messages)
}

const accusation = ({ self }: Cluster, member: Member): Message & { readonly _tag: "Suspect" } => ({
  _tag: "Suspect",
  incarnation: member.incarnation,
  node: member.node,
  from: self.node
})

/** Asks some others to ask. Returns how many of them say so when they get no answer. */
const askOthers = (cluster: Cluster, target: Member, sequence: number): number => {
  const { members, self, settings } = cluster
  const helpers = members.draw(
    settings.indirectChecks,
    (member) => member !== self && member.node !== target.node && member.state === "alive"
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
      source: sourceOf(cluster)
    })
  }
  return nacks
}
