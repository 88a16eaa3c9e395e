/**
 * The receiving half of a broker without a server: events come in as calls, one method a subscription, and the reply is
 * the handler's acknowledgement.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Message } from "../../Broker.ts"
import { type Call, type Exchange, failure, type Reply } from "../../Transport.ts"
import * as Subscription from "./subscription.ts"

export interface Inbox {
  readonly exchange: Exchange
  /** Takes events for a subscription, by its id, until the scope closes; then its handler is interrupted. */
  readonly open: <E, R>(
    id: string,
    topic: string,
    handler: (message: Message) => Effect.Effect<void, E, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
}

/** An inbox where at most so many events wait for each subscription; more are refused. */
export const make = (capacity: number): Inbox => {
  const slots = new Map<string, Slot>()
  const unary = (call: Call, body: Uint8Array): Effect.Effect<Reply> =>
    Effect.suspend(() => {
      const slot = slots.get(call.method)
      if (slot === undefined) return Effect.succeed(failure("Unimplemented", `${call.method} has left`))
      if (slot.waiting >= capacity) return Effect.succeed(failure("Overloaded", `${slot.waiting} events wait already`))
      slot.waiting++
      const headers = { ...call.headers, "content-type": call.contentType }
      return slot.subscription.deliver({ headers, body }).pipe(
        Effect.map((exit) => acknowledgement(exit, slot.subscription)),
        Effect.ensuring(Effect.sync(() => slot.waiting--))
      )
    })
  return {
    exchange: { unary, stream: (call, messages) => Stream.fromEffect(head(call, messages, unary)) },
    open: (id, topic, handler) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          slots.set(id, { subscription: yield* Subscription.make(topic, handler, scope), waiting: 0 })
          return scope
        }),
        (scope, exit) =>
          Effect.suspend(() => {
            slots.delete(id)
            return Scope.close(scope, exit)
          })
      ))
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Slot {
  readonly subscription: Subscription.Subscription
  waiting: number
}

const acknowledgement = (exit: Exit.Exit<void, unknown>, subscription: Subscription.Subscription): Reply => {
  if (exit._tag === "Success") return new Uint8Array(0)
  if (subscription.isOver()) return failure("Unavailable", "the subscription has ended")
  const error = Cause.squash(exit.cause)
  return failure(Cause.hasDies(exit.cause) ? "Defect" : "Error", error instanceof Error ? error.message : String(error))
}

/** An event is one message, whichever way the transport brings it. */
const head = (
  call: Call,
  messages: Parameters<Exchange["stream"]>[1],
  unary: Exchange["unary"]
): Effect.Effect<Reply> =>
  messages instanceof Uint8Array ? unary(call, messages) : Effect.flatMap(
    Stream.runHead(messages),
    (first) => first._tag === "Some" ? unary(call, first.value) : Effect.succeed(failure("Malformed", "no event came"))
  )
