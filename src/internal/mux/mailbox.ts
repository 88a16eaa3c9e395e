/**
 * Messages that have arrived and wait to be pulled: one producer, the socket, and one consumer.
 *
 * A consumer that waits is resumed within the event that brought the messages, with all of them as one chunk. What is
 * held is bounded by the credit that the other side was given; pulling gives it more.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Flow from "./flow.ts"
import { messageCost, window } from "./frames.ts"

type Chunk<A> = readonly [A, ...Array<A>]

export interface Mailbox<in out A, in out E> {
  /** Puts a message of so many bytes in. Nothing is resumed before `settle`. False where there was no credit for it. */
  readonly offer: (message: A, bytes: number) => boolean
  /** Puts the last message in, asked for or not, and ends the messages behind it. */
  readonly last: (message: A) => void
  /** Ends the messages, behind those that wait. The first end counts. */
  readonly end: (exit: Exit.Exit<never, E | Cause.Done>) => void
  /** Resumes the consumer, or keeps what came for it. */
  readonly settle: () => void
  readonly pull: Pull.Pull<Chunk<A>, E>
  /** Lets go of what waits: nobody pulls any more. */
  readonly drop: () => void
}

/**
 * A mailbox. `credit` is told how much more may be sent, whenever half the window has been pulled; `initial` is what the
 * other side may send unasked, and where that is nothing the first pull asks. `keep` copies what outlives the event.
 */
export const make = <A, E>(options: {
  readonly initial: number
  readonly credit: (bytes: number) => void
  /** What the connection allows all its mailboxes together. */
  readonly inflow: Flow.Inflow
  readonly keep: (message: A) => A
}): Mailbox<A, E> => {
  const { inflow } = options
  let waiting: [A, ...Array<A>] | undefined
  let fresh = 0
  let cost = 0
  let held = 0
  let owed = options.initial === 0 ? window : 0
  let ended: Exit.Exit<never, E | Cause.Done> | undefined
  // What the other side may still send: it may overdraw this once, so that a message larger than the window can pass.
  let allowance = options.initial
  let taker: ((effect: Effect.Effect<Chunk<A>, E | Cause.Done>) => void) | undefined

  const put = (message: A) => {
    if (waiting === undefined) waiting = [message]
    else waiting.push(message)
  }
  const take = (chunk: Chunk<A>): Effect.Effect<Chunk<A>, E | Cause.Done> => {
    waiting = undefined
    fresh = 0
    owed += cost
    cost = 0
    inflow.give(held)
    held = 0
    if (owed >= window / 2 && ended === undefined) grant()
    return Exit.succeed(chunk)
  }
  const grant = () => {
    const bytes = owed
    owed = 0
    allowance += bytes
    options.credit(bytes)
  }
  const leave = Effect.sync(() => {
    if (taker !== undefined) inflow.wait(-1)
    taker = undefined
  })

  return {
    offer: (message, bytes) => {
      const shared = Flow.cost(bytes)
      if (!inflow.take(shared)) return false
      if (ended !== undefined) {
        inflow.give(shared)
        return true
      }
      if (allowance <= 0) return false
      held += shared
      put(message)
      cost += bytes + messageCost
      allowance -= bytes + messageCost
      return true
    },
    last: (message) => {
      if (ended !== undefined) return
      put(message)
      ended = done
    },
    end: (exit) => {
      ended ??= exit
    },
    settle: () => {
      if (taker !== undefined) {
        if (waiting === undefined && ended === undefined) return
        const resume = taker
        taker = undefined
        inflow.wait(-1)
        return resume(waiting !== undefined ? take(waiting) : ended!)
      }
      if (waiting === undefined) return
      // Nobody waits: a small message must not keep the whole read that it came in.
      for (; fresh < waiting.length; fresh++) waiting[fresh] = options.keep(waiting[fresh])
    },
    pull: Effect.callback<Chunk<A>, E | Cause.Done>((resume) => {
      if (waiting !== undefined) return resume(take(waiting))
      if (ended !== undefined) return resume(ended)
      if (owed >= window) grant()
      taker = resume
      inflow.wait(1)
      return leave
    }),
    drop: () => {
      ended ??= done
      inflow.give(held)
      held = 0
      waiting = undefined
      fresh = 0
    }
  }
}

/** The end of messages that are complete. */
export const done: Exit.Exit<never, Cause.Done> = Exit.fail(Cause.Done())

/** A pull of one message. */
export const only = <A>(message: A): Pull.Pull<Chunk<A>> => {
  let given = false
  return Effect.suspend((): Exit.Exit<Chunk<A>, Cause.Done> => {
    if (given) return done
    given = true
    return Exit.succeed([message])
  })
}
