/**
 * What is wrong with the cluster, said once: a neighbour with another key would say it with every packet.
 */
import * as Effect from "effect/Effect"
import type { Change } from "../core/cluster.ts"
import type { Endpoint } from "../wire/messages.ts"
import type { Problem } from "../wire/problem.ts"
import * as Endpoints from "./endpoints.ts"

export interface Complaints {
  /** Bytes that are no message of this cluster. */
  readonly unreadable: (problem: Problem, from: Endpoint) => void
  /** What a member says that cannot be. */
  readonly changed: (change: Change) => void
  /** Warns of something, unless it was said of the same subject before. */
  readonly once: (subject: string, message: string, ...facts: ReadonlyArray<unknown>) => void
}

/** `run` forks the logging. */
export const make = (run: (effect: Effect.Effect<void>) => unknown): Complaints => {
  const said = new Set<string>()
  const once: Complaints["once"] = (subject, message, ...facts) => {
    if (said.has(subject) || said.size >= mostSubjects) return
    said.add(subject)
    run(Effect.logWarning(message, ...facts))
  }
  return {
    once,
    changed: (change) => {
      const problem = problemOf(change)
      if (problem !== undefined) once(problem, problem)
    },
    unreadable: ({ kind, message }, from) => {
      const host = Endpoints.hostOf(from)
      if (isSetUp(kind)) {
        return once(
          `${kind} ${host}`,
          `A member at ${host} is not of this gossip cluster, and is not heard: ${message}`
        )
      }
      run(Effect.logDebug(`What ${host} sent is not gossip: ${message}`))
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** More than that is not said, so that a stranger with many addresses fills neither log nor memory. */
const mostSubjects = 64

/** Whether the operator of a cluster has to do something about it. */
const isSetUp = (kind: Problem["kind"]): boolean =>
  kind === "WrongKey" || kind === "WrongLabel" || kind === "NotEncrypted"

const problemOf = (change: Change): string | undefined => {
  switch (change._tag) {
    case "Conflict": {
      const { member, other } = change
      const places = `at ${Endpoints.format(member)} and at ${Endpoints.format(other)}`
      return `Two members of the gossip cluster have the name ${member.node}, ${places}: the first one keeps it`
    }
    case "Incompatible":
      return `${change.node} is no member of this gossip cluster. ${change.problem}`
    case "Full":
      return `The gossip cluster has more than ${change.maxMembers} members: ${change.node} is not taken in`
    default:
      return undefined
  }
}
