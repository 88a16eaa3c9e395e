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
import * as Turns from "./turns.ts"

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
  dial(to, (socket) => {
    socket.write(message)
    return Effect.flatMap(take(socket, reader), (read) => {
      if (read === undefined) {
        return failed(to, socket.errored ?? new Error("it closed the connection without an answer"))
      }
      return isProblem(read) ? failed(to, read) : Effect.succeed(read)
    })
  })

/** Dials, and sends a message that is not answered. */
export const tell = (to: Endpoint, message: Uint8Array): Effect.Effect<void, StreamFailed> =>
  dial(to, (socket) =>
    Effect.callback<void, StreamFailed>((resume) => {
      socket.end(message)
      // What the other side says is read and forgotten: the end of the connection is behind it.
      socket.resume()
      socket.once("close", () => resume(socket.errored === null ? Effect.void : failed(to, socket.errored)))
    }))

/** Reads the one message of somebody who has dialled; `undefined` where the connection ended before. */
export const take = (socket: Net.Socket, reader: Stream.Reader): Effect.Effect<StreamMessage | Problem | undefined> =>
  Effect.flatMap(next(socket), (chunk) =>
    chunk === undefined
      ? Effect.undefined
      : Effect.flatMap(Turns.spread(reader(chunk)), (read) =>
        read === undefined ? take(socket, reader) : Effect.succeed(read)))

/** Answers, and waits until the other side has it. */
export const answer = (socket: Net.Socket, message: Uint8Array): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (socket.destroyed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.resume()
    socket.end(message)
  })

// ---------------------------------------------------------------------------------------------------------------------

/** The next chunk of a connection, or nothing where it has ended. While a chunk is read no other one is taken. */
const next = (socket: Net.Socket): Effect.Effect<Uint8Array | undefined> =>
  Effect.callback((resume) => {
    if (socket.destroyed) return resume(Effect.undefined)
    const stop = () => {
      socket.pause()
      socket.off("data", data)
      socket.off("close", close)
    }
    const data = (chunk: Uint8Array) => {
      stop()
      resume(Effect.succeed(chunk))
    }
    const close = () => {
      stop()
      resume(Effect.undefined)
    }
    socket.on("data", data)
    socket.on("close", close)
    socket.resume()
    return Effect.sync(stop)
  })

const dial = <A>(
  to: Endpoint,
  speak: (socket: Net.Socket) => Effect.Effect<A, StreamFailed>
): Effect.Effect<A, StreamFailed> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const socket = Net.connect({ host: Endpoints.hostOf(to), port: to.port, noDelay: true })
      // A connection that breaks closes: that is where its error is looked at.
      return socket.on("error", () => undefined)
    }),
    speak,
    (socket) => Effect.sync(() => socket.destroy())
  )

const failed = (to: Endpoint, cause: unknown) => Effect.fail(new StreamFailed({ to: Endpoints.format(to), cause }))

const problemOf = (cause: unknown): string => isProblem(cause) || cause instanceof Error ? cause.message : String(cause)
