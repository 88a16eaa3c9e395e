/**
 * What members say to each other over connections, in time.
 */
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import type { Endpoint, StreamMessage } from "../wire/messages.ts"
import type * as Packet from "../wire/packet.ts"
import { isProblem, type Problem } from "../wire/problem.ts"
import * as Stream from "../wire/stream.ts"
import * as Endpoints from "./endpoints.ts"
import * as Streams from "./streams.ts"
import * as Turns from "./turns.ts"

export interface Dialogue {
  /** Dials, says something and returns the answer. */
  readonly ask: (to: Endpoint, message: StreamMessage) => Effect.Effect<StreamMessage, Streams.StreamFailed>
  /** Dials, and says something that is not answered. */
  readonly tell: (to: Endpoint, message: StreamMessage) => Effect.Effect<void, Streams.StreamFailed>
  /** Reads what somebody says who has dialled, and answers it. */
  readonly serve: (socket: Net.Socket, listener: Listener) => Effect.Effect<void>
}

export interface Listener {
  readonly heard: (message: StreamMessage) => Effect.Effect<StreamMessage | undefined>
  /** What was said is no message of this cluster. */
  readonly unreadable: (problem: Problem, from: Endpoint) => void
}

/** Speaks as the cluster does, and takes no longer than so many milliseconds for each dialogue. */
export const make = (cluster: Packet.Cluster, timeout: number): Dialogue => {
  const inTime = <A>(to: Endpoint, dialogue: Effect.Effect<A, Streams.StreamFailed>) =>
    Effect.timeoutOrElse(dialogue, {
      duration: timeout,
      orElse: () =>
        Effect.fail(
          new Streams.StreamFailed({
            to: Endpoints.format(to),
            cause: new Error(`it did not answer within ${timeout} ms`)
          })
        )
    })
  const written = (message: StreamMessage, dials: boolean) =>
    Effect.suspend(() => Turns.spread(Stream.writing(cluster, message, dials)))
  return {
    ask: (to, message) =>
      inTime(
        to,
        Effect.flatMap(written(message, true), (bytes) => Streams.ask(to, bytes, Stream.makeReader(cluster, false)))
      ),
    tell: (to, message) => inTime(to, Effect.flatMap(written(message, true), (bytes) => Streams.tell(to, bytes))),
    serve: (socket, listener) =>
      Streams.take(socket, Stream.makeReader(cluster, true)).pipe(
        Effect.flatMap((message) => {
          if (message === undefined) return Effect.undefined
          return isProblem(message) ? Effect.succeed(refusal(socket, message, listener)) : listener.heard(message)
        }),
        Effect.flatMap((answer) =>
          answer === undefined
            ? Effect.void
            : Effect.flatMap(written(answer, false), (bytes) => Streams.answer(socket, bytes))
        ),
        Effect.timeoutOption(timeout),
        Effect.ensuring(Effect.sync(() => socket.destroy()))
      )
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Those who have another key are told so; who is of another cluster altogether is told nothing, as memberlist does. */
const refusal = (socket: Net.Socket, problem: Problem, listener: Listener): StreamMessage | undefined => {
  const address = Endpoints.bytesOf(socket.remoteAddress ?? "")
  if (address !== undefined) listener.unreadable(problem, { address, port: socket.remotePort ?? 0 })
  return problem.kind === "WrongLabel" ? undefined : { _tag: "Refusal", message: problem.message }
}
