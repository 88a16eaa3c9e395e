/**
 * One attempt of a unary call: an instance is lent, the call goes there and comes back, and the instance is given back with
 * what that says about it. This is the hot path: count its effects.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Instance } from "../../Registry.ts"
import type { SelectOptions } from "../../Selector.ts"
import type { Reply } from "../../Transport.ts"
import * as Line from "./line.ts"
import * as Verdict from "./verdict.ts"

/** Where an attempt went. */
export interface Visit {
  instance: Instance | undefined
}

/** Makes an attempt with somebody who may be chosen. */
export const make = (
  line: Line.Line,
  head: Line.Head,
  message: Uint8Array,
  options: SelectOptions | undefined,
  visit: Visit
): Effect.Effect<Reply, Line.Fault> => {
  const { call } = head
  const lease = Scope.makeUnsafe()
  const watch = <E extends Line.Fault>(sent: Effect.Effect<Reply, E>) =>
    Effect.onExit(sent, (exit) => Verdict.giveBack(line, head, lease, exit))
  // A strategy that keeps no account of its leases is spared the watch over their end: it costs as much as the choice.
  const watched = line.settles
  const exchanged = Effect.flatMap(Line.lend(line, head, lease, options), (lent) => {
    visit.instance = lent
    line.settles = lease.state._tag !== "Empty"
    const connection = line.road.connections.find(lent.address)
    const sent = connection === undefined
      ? Effect.flatMap(Line.dial(line, head, lent.address), (dialled) => dialled.unary(call, message))
      : connection.unary(call, message)
    return line.settles && !watched ? watch(sent) : sent
  })
  return watched ? watch(exchanged) : exchanged
}
