/**
 * The subscribers' end: streams of events from any number of publishers, one method a subscription, and verdicts back.
 *
 * What a subscription holds is bounded: while it is full, no publisher's stream is read, and the transport's own flow
 * control makes them wait.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Delivery, Message } from "../../../Message.ts"
import { type Exchange, failure, type Reply } from "../../../Transport.ts"
import * as Id from "../../id.ts"
import * as Frames from "./frames.ts"
import * as GoMicro from "./goMicro.ts"
import * as Ledger from "./ledger.ts"
import * as Slot from "./slot.ts"

export interface Inbox {
  readonly exchange: Exchange
  /** Takes events for a subscription, by its id, until the scope closes. */
  readonly open: (
    id: string,
    topic: string,
    prefetch: number
  ) => Effect.Effect<Stream.Stream<Delivery>, never, Scope.Scope>
}

/** An inbox where each subscription holds so many events, and one frame more of each publisher. */
export const make = (capacity: number): Inbox => {
  const slots = new Map<string, Slot.Slot>()
  const stream: Exchange["stream"] = (call, messages) =>
    Stream.suspend(() => {
      const slot = slots.get(call.method)
      if (slot === undefined) return Stream.succeed(failure("Unimplemented", `${call.method} has left`))
      const frames = messages instanceof Uint8Array ? Stream.succeed(messages) : messages
      return verdicts(slot, frames)
    })
  const unary: Exchange["unary"] = (call, body) =>
    Effect.flatMap(Id.make, (id) => {
      const slot = slots.get(call.method)
      if (slot === undefined) return Effect.succeed(failure("Unimplemented", `${call.method} has left`))
      const message = GoMicro.read(body, id)
      return message === undefined
        ? Effect.succeed(failure("Malformed", "what came is no event of Go Micro"))
        : single(slot, message)
    })
  return {
    exchange: { stream, unary },
    open: (id, topic, prefetch) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const slot = Slot.make(topic, capacity)
            slots.set(id, slot)
            return slot
          }),
          (slot) =>
            Effect.sync(() => {
              slots.delete(id)
              slot.close()
            })
        ),
        (slot) => Stream.fromPull(Effect.succeed(slot.take(prefetch)))
      )
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** An event of Go Micro: one request, answered once it is settled. */
const single = (slot: Slot.Slot, message: Message): Effect.Effect<Reply> =>
  Effect.andThen(
    slot.room,
    Effect.callback<Reply>((resume) => {
      const ledger: Slot.Ledger = {
        enter: () => 0,
        settle: (_, pause) =>
          resume(Effect.succeed(
            pause === undefined ? new Uint8Array(0) : failure("Unavailable", "the event was given back", pause)
          )),
        end: (problem) => resume(Effect.succeed(problem ?? failure("Unavailable", "the event was given back")))
      }
      slot.enter([{ handed: 0, count: 1, next: () => message }], ledger)
      return Effect.sync(() => slot.leave(ledger))
    })
  )

/** What comes of the events of one publisher's stream, until all are settled and no more come. */
const verdicts = (slot: Slot.Slot, frames: Stream.Stream<Uint8Array>): Stream.Stream<Reply> =>
  Stream.unwrap(Effect.gen(function*() {
    const ledger = Ledger.make()
    const taking = Stream.runForEach(frames, (frame) => {
      const arrivals = Frames.readEvents(frame)
      if (arrivals === undefined) return Effect.fail(failure("Malformed", "what came is no frame of events"))
      slot.enter(arrivals, ledger)
      return slot.room
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => slot.leave(ledger)))
    yield* Effect.forkScoped(Effect.match(taking, { onFailure: ledger.end, onSuccess: () => ledger.end() }))
    return Stream.fromPull(Effect.succeed(ledger.pull))
  }))
