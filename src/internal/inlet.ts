/**
 * What a stream of Node brings, read as fast as it is pulled.
 *
 * At most one read waits here. Behind it waits what the stream has room for, and then the other side.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type { Readable } from "node:stream"

type Chunk<A> = readonly [A, ...Array<A>]

export interface Inlet<A, E> {
  readonly pull: Pull.Pull<Chunk<A>, E>
  /** Ends it, behind what waits and behind a last element. The first end counts. */
  readonly end: (exit: Exit.Exit<never, E | Cause.Done>, last?: A) => void
}

/**
 * An inlet, which cuts what is read into elements. `asked` is called once, when it is pulled for the first time. To end it
 * while cutting ends it behind the elements of that read.
 */
export const make = <A, E>(
  stream: Readable,
  cut: (read: Buffer) => ReadonlyArray<A>,
  asked: () => void
): Inlet<A, E> => {
  let waiting: Array<A> = []
  let ended: Exit.Exit<never, E | Cause.Done> | undefined
  let pulled = false
  let cutting = false
  let taker: ((effect: Effect.Effect<Chunk<A>, E | Cause.Done>) => void) | undefined

  const take = (): Exit.Exit<Chunk<A>, E | Cause.Done> => {
    if (waiting.length === 0) return ended!
    const chunk = waiting
    waiting = []
    return Exit.succeed(chunk as unknown as Chunk<A>)
  }
  const settle = () => {
    if (cutting || taker === undefined || (waiting.length === 0 && ended === undefined)) return
    const resume = taker
    taker = undefined
    resume(take())
  }
  stream.pause()
  stream.on("data", (read: Buffer) => {
    cutting = true
    const elements = cut(read)
    cutting = false
    for (const element of elements) waiting.push(element)
    settle()
    if (taker === undefined) stream.pause()
  })
  return {
    pull: Effect.callback<Chunk<A>, E | Cause.Done>((resume) => {
      if (waiting.length > 0 || ended !== undefined) return resume(take())
      if (!pulled) asked()
      pulled = true
      taker = resume
      stream.resume()
      return Effect.sync(() => {
        taker = undefined
      })
    }),
    end: (exit, last) => {
      if (ended !== undefined) return
      if (last !== undefined) waiting.push(last)
      ended = exit
      settle()
    }
  }
}
