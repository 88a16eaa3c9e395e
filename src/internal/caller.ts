/**
 * Functions to calls: the calling half of an `Rpc` over the network.
 *
 * A call encodes once, then makes attempts: the selector lends an instance for a scope, the connection to it carries the
 * call, and the scope closes with what the attempt says about the instance. Decoding comes after, outside the retry.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Contract from "../Contract.ts"
import type { Instance } from "../Registry.ts"
import type * as RpcError from "../RpcError.ts"
import type { Call, Reply } from "../Transport.ts"
import * as Attempts from "./attempts.ts"
import * as Line from "./line.ts"
import * as Methods from "./methods.ts"
import * as Streams from "./streams.ts"
import * as Trace from "./trace.ts"

/** The functions of a contract. */
export const make = <M extends Contract.Methods>(
  road: Line.Road,
  contract: Contract.Definition<M>
): Contract.Procedures<M> => {
  const functions: Record<string, (payload: unknown) => unknown> = {}
  for (const method of Methods.make(contract, road.codec)) {
    const coders = method.coders(road.codec.preferred)
    const line: Line.Line = { road, service: contract.key, method, coders, known: false }
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
  Effect.withFiber((fiber) => {
    const message = line.coders.payload.encode(payload)
    if (message._tag === "Failure") return Effect.mapError(message, (cause) => Line.malformed(line, cause))
    const { call, deadline } = Line.head(line, fiber, false)
    const send = (call: Call) =>
      Effect.flatMap(
        deliver(line, call, deadline, message.value, undefined),
        (reply) => reply instanceof Uint8Array ? Line.decoded(line, reply) : Line.failed(line, call, reply)
      )
    const parent = Trace.current(fiber)
    if (Trace.isRecording(fiber, parent)) {
      return Trace.around((span) => send(Line.traced(call, span)), "client", call.service, call.method, parent)
    }
    return send(parent === undefined ? call : Line.traced(call, parent))
  })

/** Attempts until a reply is final. */
const deliver = (
  line: Line.Line,
  call: Call,
  deadline: number,
  message: Uint8Array,
  history: Attempts.History | undefined
): Effect.Effect<Reply, RpcError.RpcError> => {
  const scope = Scope.makeUnsafe()
  let instance: Instance | undefined
  const attempt = Effect.flatMap(Line.lend(line, call, deadline, scope, history), (lent) => {
    instance = lent
    return Effect.flatMap(
      Line.connection(line, call, deadline, lent.address),
      (connected) =>
        Effect.matchEffect(connected.unary(call, message), {
          onSuccess: (reply) => Line.accepted(reply, call),
          onFailure: (error) => Effect.fail(Line.broken(line, call, lent.address, connected, error))
        })
    )
  })
  return Effect.catch(
    Effect.onExit(attempt, (exit) => Scope.closeUnsafe(scope, Line.verdict(exit)) ?? Effect.void),
    (error) => {
      if (instance === undefined) return Effect.fail(history?.last ?? error)
      const moved = Attempts.next(history, error, instance, line.method.idempotent)
      if (moved === undefined) return Effect.fail(error)
      return Effect.andThen(
        Attempts.wait(moved),
        Line.left(call, deadline, (call) => deliver(line, call, deadline, message, moved))
      )
    }
  )
}
