/**
 * Functions to calls: the calling half of an `Rpc` over the network.
 *
 * A call encodes once, then makes attempts: the selector lends an instance for a scope, the connection to it carries the
 * call, and the scope closes with what the attempt says about the instance. Decoding comes after, outside the retry.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type * as Contract from "../../Contract.ts"
import type * as RpcError from "../../RpcError.ts"
import * as Trace from "../trace.ts"
import * as Attempts from "./attempts.ts"
import * as Exchange from "./exchange.ts"
import * as Hedging from "./hedging.ts"
import * as Line from "./line.ts"
import * as Methods from "./methods.ts"
import * as Pace from "./pace.ts"
import * as Patience from "./patience.ts"
import * as Straight from "./straight.ts"
import * as Streams from "./streams.ts"
import * as Verdict from "./verdict.ts"
import * as Writing from "./writing.ts"

/** The functions of a contract. */
export const make = <M extends Contract.Methods>(
  road: Line.Road,
  contract: Contract.Definition<M>
): Contract.Procedures<M> => {
  const functions: Record<string, (payload: unknown) => unknown> = {}
  for (const method of Methods.make(contract, road.codec)) {
    const target = road.target(contract.key)
    const line: Line.Line = {
      road,
      service: contract.key,
      target,
      method,
      writings: Writing.make(road.codec, method),
      tally: target.meter.of(method.endpoint),
      pace: Pace.make(),
      known: false,
      settles: true,
      isStraight: false
    }
    functions[method.name] = method.streamsOut
      ? (payload) => Streams.many(line, payload)
      : method.streamsIn
      ? (payload) => Streams.one(line, payload)
      : (payload) => unary(line, payload)
  }
  return functions as Contract.Procedures<M>
}

// ---------------------------------------------------------------------------------------------------------------------

const unary = (line: Line.Line, payload: unknown): Effect.Effect<unknown, unknown> =>
  Effect.callback((resume) => begin(line, payload, Fiber.getCurrent()!, resume))

/** Begins a call of the fiber that is running. Returns what gives it up; nothing where the fiber goes on already. */
const begin = (
  line: Line.Line,
  payload: unknown,
  fiber: Fiber.Fiber<unknown, unknown>,
  resume: Straight.Resume
): Effect.Effect<void> | void => {
  const letter = Writing.write(line.writings.usual, payload)
  if (Writing.isFailed(letter)) return resume(Effect.mapError(letter, (cause) => Line.malformed(line, cause)))
  const head = Line.head(line, fiber, false)
  const refused = Line.refusal(line, head, fiber)
  if (refused !== undefined) return resume(refused)
  const parent = Trace.current(fiber)
  if (Trace.isRecording(fiber, parent)) {
    const send = (span: Tracer.AnySpan) => attempt(line, { ...head, span }, letter, undefined)
    return resume(Trace.around(send, "internal", line.service, line.method.endpoint, parent))
  }
  const traced = parent === undefined ? head : Line.traced(head, parent)
  return Straight.isOpen(line, traced)
    ? Straight.send(line, traced, letter, rest, fiber, resume)
    : resume(attempt(line, traced, letter, undefined))
}

/** An attempt, and the next one where it failed and may be repeated. */
const attempt = (
  line: Line.Line,
  head: Line.Head,
  letter: Writing.Letter,
  history: Attempts.History | undefined
): Effect.Effect<unknown, unknown> => {
  const options = Attempts.choice(history, head.key, line.road.choice)
  const visit = Exchange.visit(history, letter.writing, false)
  const wait = line.method.hedge === undefined || history !== undefined ? undefined : Hedging.delay(line, head)
  const sent = wait === undefined
    ? Exchange.make(line, head, letter, options, visit)
    : Hedging.send(line, head, letter, options, wait, visit)
  return Straight.after(line, head, letter, visit, rest, sent)
}

/** What follows an attempt. */
const rest: Straight.Rest = {
  replied: (line, head, letter, visit, reply, end) => {
    Verdict.time(line, head, reply, end)
    if (reply instanceof Uint8Array) return Line.decoded(line, visit.writing, head, reply, end)
    const isOpen = Line.isRefusal(reply) || (head.cut && reply.status === "DeadlineExceeded")
    const rest = isOpen
      ? again(line, head, letter, visit, Attempts.fromFailure(reply, head.call))
      : Line.failed(visit.writing, head.call, reply)
    return counted(line, head, visit.history, rest)
  },
  failed: (line, head, letter, visit, fault) =>
    counted(line, head, visit.history, again(line, head, letter, visit, Line.explain(line, head.call, fault)))
}

const again = (
  line: Line.Line,
  head: Line.Head,
  letter: Writing.Letter,
  { hedge, history, instance }: Exchange.Visit,
  error: RpcError.RpcError
): Effect.Effect<unknown, unknown> => {
  const failed = Attempts.outcome(error, line.method.idempotent, head.cut && Patience.isUp(head))
  return Line.again(
    line,
    head,
    failed,
    error,
    instance,
    history,
    (head, moved) => {
      const history = hedge === undefined ? moved : Attempts.hedged(moved, hedge)
      return attempt(line, Line.cut(line, head, history), letter, history)
    }
  )
}

/** Takes down that a call failed: once, around all attempts. */
const counted = (
  line: Line.Line,
  head: Line.Head,
  history: Attempts.History | undefined,
  rest: Effect.Effect<unknown, unknown>
): Effect.Effect<unknown, unknown> =>
  history === undefined ? Effect.tapError(rest, (error) => Effect.sync(() => Line.ended(line, head, error))) : rest
