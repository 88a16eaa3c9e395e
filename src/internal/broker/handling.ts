/**
 * What becomes of one delivery: the exit of its handler decides, and it is settled exactly once.
 *
 * The same for all brokers. All of it is uninterruptible but the handler and the pauses between its runs.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Tracer from "effect/Tracer"
import type * as Codec from "../../Codec.ts"
import { type Delivery, Header, type Received } from "../../Message.ts"
import * as Trace from "../trace.ts"
import type { Decoded } from "./coding.ts"
import { type DeadLetters, pause } from "./deadLetters.ts"

/** How a subscription handles its events. */
export interface Policy<in out A, in out E, R> {
  readonly topic: string
  readonly handler: (event: A, received: Received) => Effect.Effect<void, E, R>
  readonly retry: Schedule.Schedule<unknown, E>
  /** How often an event may be handed over before it is given up unhandled. */
  readonly deliveries: number
  readonly deadLetters: DeadLetters
  /** Whether somebody records the spans of the handlers. */
  readonly records: boolean
}

/** Sees a delivery through. Its own region is uninterruptible already. */
export const handle = <A, E, R>(
  policy: Policy<A, E, R>,
  delivery: Delivery,
  event: Decoded<A>
): Effect.Effect<void, never, R> => {
  const { deadLetters, deliveries } = policy
  if (deadLetters.isStray(delivery)) return delivery.ack
  if (event._tag === "Failure") {
    return deadLetters.bury(delivery, Cause.hasDies(event.cause) ? "died" : "undecodable", event.cause, 0)
  }
  // Its handlers never came as far as to fail: it may be what kills their processes.
  if (delivery.attempt > deliveries) return deadLetters.bury(delivery, "returned", returned(delivery), 0)
  return Effect.matchCauseEffect(Effect.interruptible(run(policy, delivery, event.value, 0)), {
    onSuccess: () => delivery.ack,
    onFailure: (cause) => settle(policy, delivery, event.value, cause)
  })
}

/** Whether there is no more to do than to run the handler, and to acknowledge at once if it succeeds. */
export const isPlain = <A, E, R>(
  { deadLetters, deliveries }: Policy<A, E, R>,
  delivery: Delivery,
  event: Decoded<A>
): event is Exit.Success<A, Codec.CodecError> =>
  event._tag === "Success" && delivery.ackUnsafe !== undefined && delivery.attempt <= deliveries
  && !deadLetters.isStray(delivery)

/** Runs the handler, as part of the publisher's trace if there is one; interruptible if its caller makes it so. */
export const run = <A, E, R>(
  { handler, records, topic }: Policy<A, E, R>,
  { attempt, message: { headers, id }, topic: from }: Delivery,
  event: A,
  retries: number
): Effect.Effect<void, E, R> => {
  const received: Received = { id, topic: from, headers, attempt: attempt + retries }
  const traceparent = headers[Header.traceparent]
  const handling = called(handler, event, received)
  if (traceparent === undefined && !records) return handling
  const parent = traceparent === undefined ? undefined : Trace.parse(traceparent)
  if (records && parent?.sampled !== false) return Trace.consuming(handling, topic, received, parent)
  return parent === undefined ? handling : Effect.provideService(handling, Tracer.ParentSpan, parent)
}

/** What to do about the first run of a handler that did not succeed. */
export const settle = <A, E, R>(
  policy: Policy<A, E, R>,
  delivery: Delivery,
  event: A,
  cause: Cause.Cause<E>
): Effect.Effect<void, never, R> =>
  Effect.gen(function*() {
    const { deadLetters } = policy
    const next = yield* Schedule.toStepWithSleep(policy.retry)
    let last = cause
    for (let attempts = 1;; attempts++) {
      if (Cause.hasDies(last)) return yield* deadLetters.bury(delivery, "died", last, attempts)
      const error = Cause.findErrorOption(last)
      if (error._tag === "None") return yield* interrupted(delivery)
      const paused = yield* Effect.exit(Effect.interruptible(next(error.value)))
      if (paused._tag === "Failure") {
        if (Cause.hasInterrupts(paused.cause)) return yield* delivery.giveBack()
        return yield* deadLetters.bury(delivery, "failed", last, attempts)
      }
      const exit = yield* Effect.exit(Effect.interruptible(run(policy, delivery, event, attempts)))
      if (exit._tag === "Success") return yield* delivery.ack
      last = exit.cause
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

const returned = ({ attempt }: Delivery) =>
  Cause.fail(new Error(`It was handed over ${attempt - 1} times, and no handler ended`))

/** Called at once and not as an effect of its own, which would cost each event one more step. */
const called = <A, E, R>(
  handler: Policy<A, E, R>["handler"],
  event: A,
  received: Received
): Effect.Effect<void, E, R> => {
  try {
    return handler(event, received)
  } catch (error) {
    return Effect.die(error)
  }
}

/** Back at once where the subscription ends; a handler that has interrupted itself would spin. */
const interrupted = (delivery: Delivery): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.exit(Effect.interruptible(Effect.yieldNow)),
    (exit) => delivery.giveBack(Exit.isSuccess(exit) ? pause : undefined)
  )
