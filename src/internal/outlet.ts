/**
 * Messages on their way out over a stream of Node, as fast as the other side reads them.
 */
import * as Effect from "effect/Effect"
import type { Writable } from "node:stream"

/** Bytes that go out with one write at least, where there are as many; what goes around a message counts as a few. */
const batch = 16 * 1024
const around = 8

/** Sends messages, and completes when more may come. It never does on a stream that is destroyed. */
export const send = (
  stream: Writable,
  messages: ReadonlyArray<Uint8Array>,
  pack: (messages: ReadonlyArray<Uint8Array>) => Buffer
): Effect.Effect<void> => {
  let index = 0
  /** Whether all is written. */
  const proceed = (): boolean => {
    while (index < messages.length) {
      const start = index
      for (let size = 0; index < messages.length && size < batch; index++) size += messages[index].length + around
      if (!stream.write(pack(messages.slice(start, index)))) return false
    }
    return true
  }
  if (messages.length === 0 || proceed()) return Effect.void
  return Effect.callback<void>((resume) => {
    const step = () => {
      if (!proceed()) return
      stream.removeListener("drain", step)
      resume(Effect.void)
    }
    stream.on("drain", step)
    return Effect.sync(() => stream.removeListener("drain", step))
  })
}
