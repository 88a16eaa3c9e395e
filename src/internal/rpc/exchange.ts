/**
 * One attempt of a unary call: an instance is lent, the call goes there and comes back, and the instance is given back with
 * what that says about it. What need not wait for anything but the reply is sent by `straight.ts`, and comes here if it does.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Instance } from "../../Registry.ts"
import type { SelectOptions } from "../../Selector.ts"
import type { Call, Connection, Reply } from "../../Transport.ts"
import * as Sending from "../sending.ts"
import type { History } from "./attempts.ts"
import * as Line from "./line.ts"
import * as Spans from "./spans.ts"
import * as Verdict from "./verdict.ts"
import * as Writing from "./writing.ts"

/** Where an attempt goes. */
export interface Visit extends Spans.Facts {
  instance: Instance | undefined
  /** Where the call went besides, where it was sent twice. */
  hedge: Instance | undefined
  /** How the call was written, and so the reply is. */
  writing: Writing.Writing
}

/** An attempt that was not made yet. */
export const visit = (history: History | undefined, writing: Writing.Writing, isHedge: boolean): Visit => ({
  history,
  isHedge,
  instance: undefined,
  hedge: undefined,
  writing
})

/** Makes an attempt with somebody who may be chosen. */
export const make = (
  line: Line.Line,
  head: Line.Head,
  letter: Writing.Letter,
  options: SelectOptions | undefined,
  visit: Visit
): Effect.Effect<Reply, Line.Fault> =>
  head.span === undefined
    ? exchange(line, head, letter, options, visit, undefined)
    : Spans.around(head, head.span, visit, (span) =>
      exchange(line, Line.traced(head, span), letter, options, visit, span))

/** Makes an attempt with whom a choice lends that was made already. */
export const proceed = (
  line: Line.Line,
  head: Line.Head,
  letter: Writing.Letter,
  options: SelectOptions | undefined,
  visit: Visit,
  lease: Scope.Closeable,
  chosen: Line.Choice,
  span?: Tracer.Span
): Effect.Effect<Reply, Line.Fault> => {
  const { call } = head
  const watch = <E extends Line.Fault>(sent: Effect.Effect<Reply, E>) =>
    Effect.onExit(sent, (exit) => Verdict.giveBack(line, head, lease, exit))
  // A strategy that keeps no account of its leases is spared the watch over their end: it costs as much as the choice.
  const watched = line.settles
  const exchanged = Effect.flatMap(chosen, (lent) => {
    visit.instance = lent
    if (span !== undefined) Spans.lent(span, lent)
    line.settles = lease.state._tag !== "Empty"
    const connection = line.road.connections.find(lent.address)
    const sent = connection === undefined
      ? Effect.flatMap(
        Line.dial(line, head, lent, options?.avoid),
        (dialled) => carried(line, call, letter, visit, dialled)
      )
      : carried(line, call, letter, visit, connection)
    return line.settles && !watched ? watch(sent) : sent
  })
  return watched ? watch(exchanged) : exchanged
}

// ---------------------------------------------------------------------------------------------------------------------

const exchange = (
  line: Line.Line,
  head: Line.Head,
  letter: Writing.Letter,
  options: SelectOptions | undefined,
  visit: Visit,
  span: Tracer.Span | undefined
): Effect.Effect<Reply, Line.Fault> => {
  const lease = Scope.makeUnsafe()
  return proceed(line, head, letter, options, visit, lease, Line.lend(line, head, lease, options), span)
}

/** Sends a call over a connection, written so that it can be read there. */
const carried = (
  line: Line.Line,
  call: Call,
  letter: Writing.Letter,
  visit: Visit,
  connection: Connection
): Effect.Effect<Reply, Line.Fault> => {
  line.isStraight = Sending.find(connection) !== undefined
  const fitted = Writing.fitted(line.writings, letter, connection)
  if (fitted === letter) return connection.unary(call, letter.bytes)
  if (Writing.isFailed(fitted)) return Effect.mapError(fitted, (cause) => Line.malformed(line, cause))
  visit.writing = fitted.writing
  return connection.unary({ ...call, contentType: fitted.writing.contentType }, fitted.bytes)
}
