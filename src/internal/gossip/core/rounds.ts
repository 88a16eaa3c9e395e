/**
 * What a member does again and again without being asked: it tells others the news, and compares with one all that both know.
 */
import type { Cluster } from "./cluster.ts"
import * as Packets from "./packets.ts"
import * as Settings from "./settings.ts"

/** Starts both. Returns what tells the news out of turn, unless it was told so a moment ago. */
export const start = (cluster: Cluster): () => void => {
  const { members, port, self, settings, timers } = cluster
  every(cluster, () => settings.gossipInterval, () => Packets.gossip(cluster))
  every(cluster, () => Settings.pushPull(settings, members.size()), () => {
    const [other] = members.draw(1, (member) => member !== self && member.state === "alive")
    if (other !== undefined) port.exchange(other)
  })
  let hurriedAt = -Infinity
  return () => {
    // Who has left may have no way out any more.
    if (cluster.isLeaving || timers.now() - hurriedAt < settings.gossipInterval / mostHurried) return
    hurriedAt = timers.now()
    Packets.gossip(cluster)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** So many rounds out of turn between two others: with a flood of news they are as good as these, and cost as much. */
const mostHurried = 8

/** Does something again and again, for the first time after a part of the interval, so that members are out of step. */
const every = ({ port, timers }: Cluster, interval: () => number, run: () => void): void => {
  const again = (): void => {
    timers.after(interval(), again)
    run()
  }
  timers.after(port.random() * interval(), again)
}
