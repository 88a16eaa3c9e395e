/**
 * Requests on their way to a pool, in turns of the event loop.
 *
 * undici uses a connection that has answered again only in the next turn, in case that its server closes it. A caller that
 * goes on at once would have another one opened, and in the end there were twice as many connections as callers. So a
 * request waits, for that one turn, where a connection is about to be free for it.
 */
import type { Dispatcher } from "undici"

export interface Turn {
  /** Hands a request to the pool: at once, or when a connection that has just answered can be used again. */
  readonly dispatch: (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) => void
  /** Tells that a connection has answered. */
  readonly answered: () => void
}

/** The turns of a pool. */
export const make = (pool: Dispatcher): Turn => {
  const waiting: Array<readonly [Dispatcher.DispatchOptions, Dispatcher.DispatchHandler]> = []
  let freed = 0
  const release = () => {
    freed--
    const next = waiting.shift()
    if (next !== undefined) pool.dispatch(...next)
  }
  // Behind undici's own, which it has not asked for yet when it tells of an answer. One for each, as its own are.
  const schedule = () => void setImmediate(release)
  return {
    dispatch: (options, handler) => {
      if (waiting.length < freed) waiting.push([options, handler])
      else pool.dispatch(options, handler)
    },
    answered: () => {
      freed++
      queueMicrotask(schedule)
    }
  }
}
