/**
 * One message in, one out: the road of a unary call, without a stream on it. This is the hot path of a server.
 */
import * as Effect from "effect/Effect"
import type { Reply } from "../../Transport.ts"
import * as Exits from "../exits.ts"
import * as Trace from "../trace.ts"
import * as Admission from "./admission.ts"
import * as Outcome from "./outcome.ts"
import type * as Running from "./running.ts"
import { contextOf, isSpanned, parentOf, type Route, type Serving, settle, turnedAway } from "./serving.ts"
import type { Outcome as Ending } from "./tally.ts"

/** Answers a call whose turn came at a moment of the monotonic clock. */
export const single = (serving: Serving, message: Uint8Array, began: number): Effect.Effect<Reply> => {
  const { call, coders, ground, route, running } = serving
  const payload = coders.payload.decode(message)
  if (payload._tag === "Failure") return Effect.succeed(turnedAway(serving, Outcome.malformed(payload.cause)))
  const handled = route.handler(payload.value) as Effect.Effect<unknown, unknown>
  // A handler that is done already needs neither a context nor a place among those that run.
  if (!ground.records && Exits.isExit(handled)) {
    const reply = Outcome.answer(handled, coders, call)
    const ended = settle(serving, outcomeOf(reply))
    running.took(ended - began, ended)
    return Effect.succeed(reply)
  }
  let reply: Reply | undefined
  const replied: Effect.Effect<Reply> = Effect.matchCause(handled, {
    onSuccess: (value) => reply = Outcome.success(value, coders),
    onFailure: (cause) => reply = Outcome.failed(cause, coders, call)
  })
  return Effect.withFiber((fiber) => {
    enter(running, route)
    fiber.addObserver(() => leave(serving, reply, began))
    const parent = parentOf(call)
    const spanned = isSpanned(ground, parent)
      ? Trace.around(() => replied, "server", call.service, call.method, parent)
      : replied
    return Effect.updateContext(spanned, () => contextOf(serving, parent))
  })
}

// ---------------------------------------------------------------------------------------------------------------------

const enter = (running: Running.Running, { admission }: Route): void => {
  running.enter()
  if (admission !== undefined) Admission.enter(admission)
}

/**
 * A call has ended. What it took says something about the limit where it succeeded, or was given up when it should have
 * been over; a failure may come at any time.
 */
const leave = (serving: Serving, reply: Reply | undefined, began: number): void => {
  const { route: { admission, profile }, running } = serving
  running.leave()
  const ended = settle(serving, reply === undefined ? "Cancelled" : outcomeOf(reply))
  const took = ended - began
  if (reply !== undefined) running.took(took, ended)
  if (admission === undefined) return
  const tells = reply instanceof Uint8Array || (reply === undefined && took > profile.floor)
  Admission.leave(admission, profile, tells ? took : undefined, ended)
}

const outcomeOf = (reply: Reply): Ending => reply instanceof Uint8Array ? "OK" : reply.status
