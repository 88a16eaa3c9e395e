/**
 * A call with many replies, answered by one response: a fiber that pulls them, as fast as the client reads.
 *
 * The response begins with the first reply, so that a call which fails before it has the status of its failure; but not
 * much later, so that a page knows that it follows something.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type * as Http from "node:http"
import { type Exchange, type Failure, type Reply } from "../../Transport.ts"
import { defect } from "../answering.ts"
import * as Deadline from "../deadline.ts"
import * as Outlet from "../outlet.ts"
import type { Noted } from "../rpc/accept.ts"
import type { Entry, Wheel } from "../wheel.ts"
import * as Feed from "./feed.ts"

export interface Options {
  readonly wheel: Wheel
  readonly context: Context.Context<never>
}

/** Where the replies go. */
export interface Answer {
  readonly response: Http.ServerResponse
  readonly feed: Feed.Feed
  /** Headers of the response beside its own, names and values in one list. */
  readonly headers: ReadonlyArray<string>
  /** Answers with a status of HTTP instead. */
  readonly refuse: (failure: Failure) => void
}

/** Serves a call. Its fiber is still to be interrupted when the client goes away. */
export const start = (
  { context, wheel }: Options,
  exchange: Exchange,
  call: Noted,
  message: Uint8Array,
  answer: Answer
): Fiber.Fiber<unknown> | undefined => {
  if (call.timeout !== undefined && call.timeout <= 0) return void answer.refuse(Deadline.expired(call))
  const writing = makeWriting(call, answer)
  let failed: Failure | undefined
  const send = (replies: ReadonlyArray<Reply>): Effect.Effect<void> => {
    if (failed !== undefined || writing.isOver()) return Effect.void
    const end = replies.findIndex((reply) => !(reply instanceof Uint8Array))
    if (end !== -1) failed = replies[end] as Failure
    if (end === 0) return Effect.void
    return writing.send((end === -1 ? replies : replies.slice(0, end)) as ReadonlyArray<Uint8Array>)
  }
  const stopBeating = beating(wheel, writing)
  const expiry = Deadline.watch(wheel, call, (expired) => {
    stopBeating()
    writing.end(expired)
    fiber.interruptUnsafe()
  })
  const fiber = Effect.runForkWith(context)(
    Effect.suspend(() => Stream.runForEachArray(exchange.stream(call, message), send))
  )
  fiber.addObserver((exit) => {
    stopBeating()
    if (expiry !== undefined) wheel.remove(expiry)
    if (failed !== undefined || exit._tag === "Success") writing.end(failed)
    else if (Cause.hasInterruptsOnly(exit.cause)) writing.abandon()
    else writing.end(defect(exit.cause))
  })
  return fiber
}

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds without a reply until the response begins, and then those between two signs of life. */
const patience = 1000
const period = 15_000

interface Writing {
  readonly isOver: () => boolean
  readonly send: (replies: ReadonlyArray<Uint8Array>) => Effect.Effect<void>
  /** Says that the call is still there. */
  readonly beat: () => void
  readonly end: (failure: Failure | undefined) => void
  /** Ends the response as no whole one: nobody knows how far the handler came. */
  readonly abandon: () => void
}

const makeWriting = (call: Noted, { feed, headers, refuse, response }: Answer): Writing => {
  let isBegun = false
  let isOver = false
  const begin = () => {
    if (isBegun) return
    isBegun = true
    response.sendDate = false
    // The last one is for nginx, which otherwise waits until it has a page full of replies.
    const own = ["Content-Type", feed.contentType, "Cache-Control", "no-store", "X-Accel-Buffering", "no"]
    response.writeHead(200, [...headers, ...own])
  }
  const finish = (end: () => void) => {
    if (isOver) return
    isOver = true
    end()
  }
  return {
    isOver: () => isOver,
    send: (replies) => {
      begin()
      return Outlet.send(response, replies, feed.pack)
    },
    beat: () => {
      if (!isBegun) {
        begin()
        response.flushHeaders()
      } else if (feed.beat !== undefined && !response.writableNeedDrain) response.write(feed.beat)
    },
    end: (failure) =>
      finish(() => {
        if (failure === undefined) {
          begin()
          return void response.end(feed.end)
        }
        if (!isBegun && !(feed.hidesStatus && hasRun(failure))) return refuse(failure)
        begin()
        response.end(feed.failure(Feed.toJson(failure, isJson(call))))
      }),
    abandon: () => finish(() => response.req.socket.destroy())
  }
}

const hasRun = ({ status }: Failure): boolean =>
  status === "Error" || status === "Defect" || status === "DeadlineExceeded"

/** Whether the declared errors of a call are in JSON, as its replies are. */
const isJson = ({ accept, contentType }: Noted): boolean =>
  (accept?.answered ?? contentType).startsWith("application/json")

/** Lets a writing show that it is alive. Returns how to stop that. */
const beating = (wheel: Wheel, { beat }: Writing): () => void => {
  const step = () => {
    entry = wheel.add(period, step)
    beat()
  }
  let entry: Entry = wheel.add(patience, step)
  return () => wheel.remove(entry)
}
