/**
 * Asking members for those who cannot reach them.
 */
import type { Endpoint, IndirectPing } from "../wire/messages.ts"
import { type Cluster, sourceOf } from "./cluster.ts"
import * as Packets from "./packets.ts"
import type { Questions } from "./questions.ts"

/** Asks a member for somebody else, and tells it of the answer, or that there was none. */
export const make = (cluster: Cluster, questions: Questions) => {
  const { settings, timers } = cluster
  let underWay = 0
  return (ping: IndirectPing, from: Endpoint): void => {
    if (underWay === most) return
    underWay++
    const asker = ping.source ?? from
    const nack = !ping.wantsNack ? undefined : timers.after(settings.probeTimeout, () => {
      Packets.send(cluster, asker, { _tag: "Nack", sequence: ping.sequence })
    })
    const end = () => {
      questions.close(sequence)
      underWay--
    }
    const forget = timers.after(settings.probeInterval, end)
    const sequence = questions.open({
      answered: () => {
        end()
        timers.cancel(nack)
        timers.cancel(forget)
        Packets.send(cluster, asker, { _tag: "Ack", sequence: ping.sequence })
      }
    })
    Packets.send(cluster, ping.target, { _tag: "Ping", sequence, node: ping.node, source: sourceOf(cluster) })
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Questions of others at once: a healthy cluster has a few, and strangers may send any number. */
const most = 1024
