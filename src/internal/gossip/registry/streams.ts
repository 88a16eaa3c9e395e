/**
 * Connections between members: one message, and one answer or none.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import type { Endpoint, StreamMessage } from "../wire/messages.ts"
import { isProblem, type Problem } from "../wire/problem.ts"
import type * as Stream from "../wire/stream.ts"
import * as Endpoints from "./endpoints.ts"

/** A member could not be spoken to over a connection. */
export class StreamFailed extends Data.TaggedError("StreamFailed")<{
  readonly to: string
  readonly cause: unknown
}> {
  override get message(): string {
    return `${this.to} could not be spoken to: ${problemOf(this.cause)}`
  }
}

/** Dials, sends a message, and reads the answer. */
export const ask = (
  to: Endpoint,
  message: Uint8Array,
  reader: Stream.Reader
): Effect.Effect<StreamMessage, StreamFailed> =>
  dial(to, (socket, resume) => {
    socket.write(message)
    socket.on("data", (chunk: Uint8Array) => {
      const read = reader(chunk)
      if (read !== undefined) resume(isProblem(read) ? failed(to, read) : Effect.succeed(read))
    })
    socket.on("close", () => resume(failed(to, new Error("it closed the connection without an answer"))))
  })

/** Dials, and sends a message that is not answered. */
export const tell = (to: Endpoint, message: Uint8Array): Effect.Effect<void, StreamFailed> =>
  dial<void>(to, (socket, resume) => {
    socket.end(message)
    // What the other side says is read and forgotten: the end of the connection is behind it.
    socket.resume()
    socket.on("close", (hadError) => {
      if (!hadError) resume(Effect.void)
    })
  })

/** Reads the one message of somebody who has dialled; `undefined` where the connection ended before. */
export const take = (socket: Net.Socket, reader: Stream.Reader): Effect.Effect<StreamMessage | Problem | undefined> =>
  Effect.callback((resume) => {
    const end = () => resume(Effect.undefined)
    const data = (chunk: Uint8Array) => {
      const read = reader(chunk)
      if (read === undefined) return
      socket.off("data", data)
      resume(Effect.succeed(read))
    }
    socket.on("data", data)
    socket.once("close", end)
    return Effect.sync(() => socket.off("close", end))
  })

/** Answers, and waits until the other side has it. */
export const answer = (socket: Net.Socket, message: Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.resume()
    socket.end(message)
  })

// ---------------------------------------------------------------------------------------------------------------------

const dial = <A>(
  to: Endpoint,
  speak: (socket: Net.Socket, resume: (result: Effect.Effect<A, StreamFailed>) => void) => void
): Effect.Effect<A, StreamFailed> =>
  Effect.callback<A, StreamFailed>((resume) => {
    const socket = Net.connect({ host: Endpoints.hostOf(to), port: to.port, noDelay: true })
    const end = (result: Effect.Effect<A, StreamFailed>) => {
      socket.destroy()
      resume(result)
    }
    socket.on("error", (cause) => end(failed(to, cause)))
    speak(socket, end)
    return Effect.sync(() => socket.destroy())
  })

const failed = (to: Endpoint, cause: unknown) => Effect.fail(new StreamFailed({ to: Endpoints.format(to), cause }))

const problemOf = (cause: unknown): string => isProblem(cause) || cause instanceof Error ? cause.message : String(cause)
