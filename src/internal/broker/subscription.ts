/**
 * One handler of one topic, which is given one event at a time.
 *
 * The handler runs in a fiber of the subscription's scope: when the scope closes, it is interrupted, and whoever gave it
 * the event learns that it did not accept. A handler that fails or dies is told of in the log, and gets the next event.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Message } from "../../Broker.ts"

export interface Subscription {
  /** Runs the handler, after the events that wait already; its exit is the acknowledgement. */
  readonly deliver: (message: Message) => Effect.Effect<Exit.Exit<void, unknown>>
  /** Whether the scope has closed, so that no event will be accepted any more. */
  readonly isOver: () => boolean
}

/** Gives the handler the context that it was subscribed in. */
export const make = <E, R>(
  topic: string,
  handler: (message: Message) => Effect.Effect<void, E, R>,
  scope: Scope.Scope
): Effect.Effect<Subscription, never, R> =>
  Effect.contextWith((context: Context.Context<R>) => {
    const oneAtATime = Semaphore.makeUnsafe(1)
    const handle = (message: Message) => Effect.provideContext(Effect.suspend(() => handler(message)), context)
    return Effect.succeed({
      deliver: (message) =>
        oneAtATime.withPermit(
          Effect.forkIn(handle(message), scope).pipe(
            Effect.flatMap((fiber) => Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))),
            Effect.tap((exit) => exit._tag === "Success" ? Effect.void : report(topic, exit.cause))
          )
        ),
      isOver: () => scope.state._tag === "Closed"
    })
  })

// ---------------------------------------------------------------------------------------------------------------------

const report = (topic: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Cause.hasInterruptsOnly(cause)
    ? Effect.void
    : Effect.annotateLogs(Effect.logWarning("A handler did not accept an event", cause), { topic })
