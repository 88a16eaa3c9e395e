/**
 * In which order deliveries are handled, and how many at a time.
 *
 * Both kinds run uninterruptible: what was taken is given to `see`, which gives it back where its fiber is interrupted.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { Delivery, Message } from "../../Message.ts"
import type { Decoded } from "./coding.ts"

export interface Order<in out A> {
  readonly decode: (message: Message) => Decoded<A>
  /** How many handlers run at a time. */
  readonly concurrency: number
  /** Events of the same key are handled one at a time, in their order. */
  readonly ordered: ((event: A) => string) | undefined
  /** How many deliveries may be held. */
  readonly prefetch: number
}

export interface Lanes<R> {
  /** Waits until a handler is idle: what it cannot take yet is left to the other members of a group. */
  readonly free: Effect.Effect<void>
  /** Has deliveries handled; completes when more may be taken. */
  readonly give: (chunk: ReadonlyArray<Delivery>) => Effect.Effect<void, never, R>
}

/** Sees one delivery through, whatever happens. */
export type See<A, R> = (delivery: Delivery, event: Decoded<A>) => Effect.Effect<void, never, R>

/** So many at a time, each in a fiber of the scope; behind one that is handled, those of its key stand in line. */
export const many = <A, R>(
  { concurrency, decode, ordered, prefetch }: Order<A>,
  see: See<A, R>,
  scope: Scope.Scope
): Lanes<R> => {
  const handlers = Semaphore.makeUnsafe(concurrency)
  const room = Semaphore.makeUnsafe(prefetch)
  const lines = new Map<string, Line<A>>()

  const begin = (waiting: Waiting<A>) => {
    const line: Line<A> = [waiting]
    if (waiting.key !== undefined) lines.set(waiting.key, line)
    const work = Effect.whileLoop({
      while: () => line.length > 0,
      body: () => Effect.andThen(see(line[0].delivery, line[0].event), room.release(1)),
      step: () => void line.shift()
    })
    const leave = Effect.suspend(() => {
      if (waiting.key !== undefined) lines.delete(waiting.key)
      return handlers.release(1)
    })
    return Effect.forkIn(Effect.andThen(work, leave), scope, { uninterruptible: true })
  }
  const admit = (delivery: Delivery): Effect.Effect<void, never, R> => {
    const waiting = enter(delivery, decode(delivery.message), ordered)
    const placed = Effect.suspend(() => {
      const line = waiting.key === undefined ? undefined : lines.get(waiting.key)
      if (line === undefined) return unlessInterrupted(handlers.take(1), delivery, () => begin(waiting))
      line.push(waiting)
      return Effect.void
    })
    return unlessInterrupted(room.take(1), delivery, () => placed)
  }
  return {
    free: handlers.withPermit(Effect.void),
    give: (chunk) => Effect.forEach(chunk, admit, { discard: true })
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Waiting<A> {
  readonly delivery: Delivery
  readonly event: Decoded<A>
  readonly key: string | undefined
}

/** Those of one key, the one that is handled first. */
type Line<A> = Array<Waiting<A>>

const enter = <A>(delivery: Delivery, event: Decoded<A>, ordered: Order<A>["ordered"]): Waiting<A> => {
  if (ordered === undefined || event._tag === "Failure") return { delivery, event, key: undefined }
  try {
    return { delivery, event, key: ordered(event.value) }
  } catch (error) {
    // As if its handler had died.
    return { delivery, event: Exit.die(error), key: undefined }
  }
}

const unlessInterrupted = <R>(
  wait: Effect.Effect<unknown>,
  delivery: Delivery,
  next: () => Effect.Effect<unknown, never, R>
): Effect.Effect<void, never, R> =>
  Effect.matchCauseEffect(Effect.interruptible(wait), {
    onSuccess: () => Effect.asVoid(next()),
    onFailure: () => delivery.giveBack()
  })
