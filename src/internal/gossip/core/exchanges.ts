/**
 * Two members compare all they know: what gossip has missed is found here, and a new one learns of everybody.
 */
import type { NodeState, PushPull, Range } from "../wire/messages.ts"
import * as Steps from "../wire/steps.ts"
import type { Cluster } from "./cluster.ts"
import { toState } from "./members.ts"
import * as Verdicts from "./verdicts.ts"

/** All that is known here. */
export const state = ({ members }: Cluster, isJoin: boolean, userState: Uint8Array): PushPull => ({
  _tag: "PushPull",
  isJoin,
  nodes: members.list().map(toState),
  userState
})

/** Takes in what another member knows, or says why it belongs to another cluster. Then nothing is taken in. */
export function* merge(cluster: Cluster, { nodes }: PushPull): Steps.Steps<string | undefined> {
  const problem = incompatibility([...cluster.members.list(), ...nodes])
  if (problem !== undefined) return problem
  for (const [index, node] of nodes.entries()) {
    if (index % Steps.members === 0) yield
    take(cluster, node)
  }
  return undefined
}

// ---------------------------------------------------------------------------------------------------------------------

const take = (cluster: Cluster, entry: NodeState): void => {
  const { incarnation, node, state } = entry
  switch (state) {
    case "alive":
      return Verdicts.alive(cluster, { _tag: "Alive", ...withoutState(entry) })
    case "left":
      return Verdicts.dead(cluster, { _tag: "Dead", incarnation, node, from: node })
    // The dead, too, are only suspected: they may defend themselves against what is old.
    case "dead":
    case "suspect":
      return Verdicts.suspect(cluster, { _tag: "Suspect", incarnation, node, from: cluster.self.node })
  }
}

const withoutState = ({ state: _, ...entry }: NodeState): Omit<NodeState, "state"> => entry

/** Whether all that are alive understand what each of all speaks. */
const incompatibility = (nodes: ReadonlyArray<NodeState>): string | undefined => {
  for (const kind of ["protocol", "delegate"] as const) {
    let least = 0
    let most = 255
    for (const { state, versions } of nodes) {
      if (state !== "alive") continue
      least = Math.max(least, versions[kind].min)
      most = Math.min(most, versions[kind].max)
    }
    const other = nodes.find(({ versions }) => !isWithin(versions[kind], least, most))
    if (other !== undefined) {
      return `${other.node} speaks version ${
        other.versions[kind].current
      } of the ${kind}, and all understand ${least} to ${most}`
    }
  }
  return undefined
}

const isWithin = ({ current }: Range, least: number, most: number): boolean => current >= least && current <= most
