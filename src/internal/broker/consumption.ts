/**
 * A subscription at work: deliveries to handlers, so many at a time and in the order that was asked for, until the scope
 * closes. The same for all brokers.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Delivery, Message, Subscription } from "../../Message.ts"
import * as Trace from "../trace.ts"
import type { Decoded } from "./coding.ts"
import type { DeadLetters } from "./deadLetters.ts"
import * as Handling from "./handling.ts"
import * as Held from "./held.ts"
import * as Lanes from "./lanes.ts"
import * as Row from "./row.ts"

/** How a subscription is worked off. */
export interface Consumer<in out A, in out E, R> extends Handling.Policy<A, E, R>, Lanes.Order<A> {}

/** Works a subscription off until the scope closes; then what is held is given back. */
export const start = <A, E, R>(
  { deliveries, stillWorkingEvery }: Subscription,
  subscriber: Omit<Consumer<A, E, R>, "records">
): Effect.Effect<void, never, R | Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const records = yield* Effect.withFiber((fiber) => Effect.succeed(Trace.isRecording(fiber, undefined)))
    const consumer: Consumer<A, E, R> = { ...subscriber, records }
    const held = stillWorkingEvery === undefined ? undefined : Held.make()
    if (held !== undefined) yield* Effect.forkScoped(held.tell(stillWorkingEvery!))
    const settled = (delivery: Delivery): void => held?.leave(delivery)
    const see = (delivery: Delivery, event: Decoded<A>) => {
      const seen = isClosed(scope) ? delivery.giveBack() : Handling.handle(consumer, delivery, event)
      return held === undefined ? seen : Effect.ensuring(seen, Effect.sync(() => settled(delivery)))
    }
    const lanes = consumer.concurrency === 1
      ? Row.make({ ...consumer, settled }, see)
      : Lanes.many(consumer, see, scope)
    const work = Effect.flatMap(Stream.toPull(deliveries), (pull) => {
      const step = Effect.flatMap(Effect.interruptible(Effect.andThen(lanes.free, pull)), (chunk) => {
        held?.enter(chunk)
        return lanes.give(chunk)
      })
      return Effect.whileLoop({ while: () => !isClosed(scope), body: () => step, step: () => undefined })
    })
    yield* Effect.uninterruptible(Effect.scoped(work)).pipe(
      Effect.catchCause((cause) => ended(consumer.topic, cause)),
      // Who subscribed is no part of the traces of its events.
      Effect.updateContext((context: Context.Context<R>) => Context.omit(Tracer.ParentSpan)(context) as typeof context),
      Effect.forkIn(scope)
    )
  })

/** The events themselves, each accepted before anybody sees it. */
export const accepted = <A>(
  deliveries: Stream.Stream<Delivery>,
  decode: (message: Message) => Decoded<A>,
  deadLetters: DeadLetters
): Stream.Stream<A> =>
  Stream.flattenIterable(Stream.mapEffect(deliveries, (delivery) => {
    if (deadLetters.isStray(delivery)) return Effect.as(delivery.ack, [])
    const event = decode(delivery.message)
    return event._tag === "Success"
      ? Effect.as(delivery.ack, [event.value])
      : Effect.as(deadLetters.bury(delivery, "undecodable", event.cause, 0), [])
  }))

// ---------------------------------------------------------------------------------------------------------------------

const isClosed = (scope: Scope.Scope): boolean => scope.state._tag === "Closed"

const ended = (topic: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Pull.isDoneCause(cause) || Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : Effect.annotateLogs(Effect.logError("A subscription has come to an end before its scope", cause), { topic })
