/**
 * The receiving half of a broker without a server: events come in as calls, one method a subscription, and the reply is
 * the subscriber's acknowledgement.
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Delivery, Header } from "../../Message.ts"
import { type Call, type Exchange, failure, type Reply } from "../../Transport.ts"

export interface Inbox {
  readonly exchange: Exchange
  /** Takes events for a subscription, by its id, until the scope closes. */
  readonly open: (id: string, topic: string) => Effect.Effect<Stream.Stream<Delivery>, never, Scope.Scope>
}

/** An inbox where at most so many events wait for each subscription; more are refused. */
export const make = (capacity: number): Inbox => {
  const slots = new Map<string, Slot>()
  const unary = (call: Call, body: Uint8Array): Effect.Effect<Reply> =>
    Effect.suspend(() => {
      const slot = slots.get(call.method)
      if (slot === undefined) return Effect.succeed(failure("Unimplemented", `${call.method} has left`))
      if (slot.held.size >= capacity) {
        return Effect.succeed(failure("Overloaded", `${slot.held.size} events wait already`))
      }
      const settled = Deferred.makeUnsafe<Reply>()
      slot.held.add(settled)
      Queue.offerUnsafe(slot.queue, deliveryOf(call, body, slot.topic, settled))
      return Effect.ensuring(Deferred.await(settled), Effect.sync(() => slot.held.delete(settled)))
    })
  return {
    exchange: { unary, stream: (call, messages) => Stream.fromEffect(head(call, messages, unary)) },
    open: (id, topic) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.map(Queue.unbounded<Delivery, Cause.Done>(), (queue) => {
            const slot: Slot = { topic, queue, held: new Set() }
            slots.set(id, slot)
            return slot
          }),
          ({ held, queue }) =>
            Effect.suspend(() => {
              slots.delete(id)
              for (const settled of held) Deferred.doneUnsafe(settled, Effect.succeed(left))
              return Queue.shutdown(queue)
            })
        ),
        ({ queue }) => Stream.fromQueue(queue)
      )
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Slot {
  readonly topic: string
  readonly queue: Queue.Queue<Delivery, Cause.Done>
  /** What is not settled, waiting or handed over. */
  readonly held: Set<Deferred.Deferred<Reply>>
}

const accepted: Reply = new Uint8Array(0)

const left = failure("Unavailable", "the subscription has ended")

const deliveryOf = (call: Call, body: Uint8Array, topic: string, settled: Deferred.Deferred<Reply>): Delivery => {
  const { [Header.attempt]: attempt, [Header.id]: id = "", ...headers } = call.headers
  return {
    message: { id, headers: { ...headers, [Header.contentType]: call.contentType }, body },
    topic,
    attempt: Number(attempt ?? 1),
    ack: Effect.sync(() => void Deferred.doneUnsafe(settled, Effect.succeed(accepted))),
    giveBack: () => Effect.sync(() => void Deferred.doneUnsafe(settled, Effect.succeed(returned)))
  }
}

const returned = failure("Unavailable", "the event was given back")

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
