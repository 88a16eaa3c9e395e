/** What the laws of a transport talk to: exchanges that say, count, hang and break. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Call, Connection, Exchange, Reply, Status, TransportError } from "../../src/Transport.ts"
import { failure } from "../../src/Transport.ts"

/** A call of `orders`. */
export const call = (method: string, more: Partial<Call> = {}): Call => ({
  service: "orders",
  method,
  contentType: "text/plain",
  headers: {},
  timeout: undefined,
  ...more
})

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const text = (reply: Reply): string => new TextDecoder().decode(reply instanceof Uint8Array ? reply : reply.body)

type Messages = Uint8Array | Stream.Stream<Uint8Array>

/** Messages as a stream, however they came. */
export const streamed = (messages: Messages): Stream.Stream<Uint8Array> =>
  messages instanceof Uint8Array ? Stream.succeed(messages) : messages

const head = <E>(replies: Stream.Stream<Reply, E>): Effect.Effect<Reply, E> =>
  Effect.map(
    Stream.runHead(replies),
    (first) => first._tag === "Some" ? first.value : failure("Defect", "no reply")
  )

/** An exchange out of its streams; a unary call is the head of one. */
export const fromStream = (stream: Exchange["stream"]): Exchange => ({
  stream,
  unary: (call, message) => head(stream(call, message))
})

/** An exchange out of its unary calls; a stream answers each message. */
export const fromUnary = (unary: Exchange["unary"]): Exchange => ({
  unary,
  stream: (call, messages) => Stream.mapEffect(streamed(messages), (message) => unary(call, message))
})

/** Says what it hears. */
export const echo: Exchange = {
  unary: (_call, message) => Effect.succeed(message),
  stream: (_call, messages) => streamed(messages)
}

export const statuses: ReadonlyArray<Status> = [
  "Error",
  "Defect",
  "Unimplemented",
  "Malformed",
  "Unavailable",
  "DeadlineExceeded",
  "Overloaded"
]

/** The reply to a word: a failure where the word is a status. */
export const said = (word: string): Reply =>
  (statuses as ReadonlyArray<string>).includes(word) ? failure(word as Status, `this is ${word}`) : bytes(word)

/** Fails on request. */
export const parrot: Exchange = fromUnary((_call, message) => Effect.succeed(said(text(message))))

/** The numbers from 0, as text. */
export const numbered = (count: number): Stream.Stream<Uint8Array> =>
  Stream.map(Stream.fromIterable(Array.from({ length: count }, (_, index) => index)), (index) => bytes(`${index}`))

/** Messages of so many bytes without end, made one by one, and how many have been made. */
export const endless = (size: number) => {
  const message = new Uint8Array(size)
  let count = 0
  const replies = Stream.fromEffectRepeat(Effect.sync(() => {
    count++
    return message
  }))
  return { replies, count: () => count }
}

/** Dies in every way that a handler may. */
export const broken: Exchange = {
  unary: (call, message) => {
    if (call.method === "throw") throw new Error("a bug")
    return call.method === "die" ? Effect.die(new Error("a bug")) : Effect.succeed(message)
  },
  stream: (call, messages) => {
    if (call.method === "throw") throw new Error("a bug")
    const died = Stream.die(new Error("a bug"))
    return call.method === "late" ? Stream.concat(streamed(messages), died) : died
  }
}

/** An exchange that answers when the gate opens, and what it goes through. */
export const hangingUntil = (gate: Effect.Effect<void>) =>
  Effect.gen(function*() {
    const started = yield* Deferred.make<void>()
    const interrupted = yield* Deferred.make<void>()
    // A turn later, so that what began the call is not still in the middle of it.
    const hang = Effect.yieldNow.pipe(
      Effect.andThen(Deferred.succeed(started, undefined)),
      Effect.andThen(gate),
      Effect.as(bytes("done")),
      Effect.onInterrupt(() => Deferred.succeed(interrupted, undefined))
    )
    const exchange: Exchange = { unary: () => hang, stream: () => Stream.fromEffect(hang) }
    return { started, interrupted, exchange }
  })

/** An exchange that never answers, and what it goes through. */
export const hanging = hangingUntil(Effect.never)

/** An exchange that reads all messages, and replies to none. */
export const reading = Effect.gen(function*() {
  const interrupted = yield* Deferred.make<void>()
  const exchange: Exchange = {
    unary: (_call, message) => Effect.succeed(message),
    stream: (_call, messages) =>
      Stream.drain(streamed(messages)).pipe(
        Stream.concat(Stream.never),
        Stream.onExit((exit) => exit._tag === "Failure" ? Deferred.succeed(interrupted, undefined) : Effect.void)
      )
  }
  return { interrupted, exchange }
})

/** One call of either kind, for what becomes of it. */
export const ask = (
  connection: Connection,
  kind: "unary" | "stream",
  call: Call
): Effect.Effect<void, TransportError> =>
  kind === "unary"
    ? Effect.asVoid(connection.unary(call, bytes("")))
    : Stream.runDrain(connection.stream(call, bytes("")))

/** So many unary calls, one after the other: whatever could happen in the meantime has had its turn. */
export const roundTrips = (connection: Connection, count: number): Effect.Effect<void, TransportError> =>
  Effect.repeat(connection.unary(call("echo"), bytes("turn")), { times: count - 1 }).pipe(Effect.asVoid)
