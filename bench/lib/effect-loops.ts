/**
 * The closed loops of every workload, for a client that speaks effects and streams.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { checked } from "./loops.ts"
import type { Meter } from "./meter.ts"
import { type Bytes, bytes, type Message, message, type Text, text, type Workload } from "./workload.ts"

/** What a client can do. */
export interface Calls {
  readonly echo: (body: Message) => Effect.Effect<Message, unknown>
  readonly text: (body: Text) => Effect.Effect<Text, unknown>
  readonly bytes: (body: Bytes) => Effect.Effect<Bytes, unknown>
  readonly range: (body: { readonly length: number; readonly chunked: boolean }) => Stream.Stream<Message, unknown>
  readonly pong?: (messages: Stream.Stream<Message>) => Stream.Stream<Message, unknown>
}

/** Runs the loops of a workload, until the meter stops them. */
export const drive = (calls: Calls, workload: Workload, meter: Meter): Effect.Effect<void, unknown> => {
  const loop = loopOf(calls, workload, meter)
  return Effect.all(Array.from({ length: workload.callers }, () => loop), { concurrency: "unbounded", discard: true })
}

/** The messages of a range, as a server's stream: in chunks, or each by itself as a feed of events has them. */
export const range = ({ chunked, length }: { readonly length: number; readonly chunked: boolean }) => {
  const messages = Stream.map(Stream.range(0, length - 1), message)
  return chunked ? messages : Stream.rechunk(messages, 1)
}

// ---------------------------------------------------------------------------------------------------------------------

const loopOf = (calls: Calls, workload: Workload, meter: Meter): Effect.Effect<void, unknown> => {
  switch (workload.kind) {
    case "unary":
      return again(meter, (n) => calls.echo(message(n)))
    case "text": {
      const call = Effect.map(
        calls.text({ id: 1, text: text(workload.size) }),
        (answer) => checked(answer, ({ text }) => text.length, workload.size)
      )
      return again(meter, () => call)
    }
    case "bytes": {
      const call = Effect.map(
        calls.bytes({ id: 1, bytes: bytes(workload.size) }),
        (answer) => checked(answer, ({ bytes }) => bytes.length, workload.size)
      )
      return again(meter, () => call)
    }
    case "stream":
      return ranges(calls, workload, meter)
    case "pingpong":
      return calls.pong === undefined ? Effect.die("no bidirectional calls") : pings(calls.pong, meter)
  }
}

const again = (meter: Meter, call: (n: number) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function*() {
    let at = performance.now()
    for (let n = 0; !meter.stopped(); n++) {
      yield* call(n)
      at = meter.answered(at)
    }
  })

const ranges = (calls: Calls, { chunked, length }: Workload & { kind: "stream" }, meter: Meter) =>
  Effect.gen(function*() {
    while (!meter.stopped()) {
      yield* Stream.runForEachArray(
        calls.range({ length, chunked }),
        (messages) => Effect.sync(() => meter.received(messages.length))
      )
    }
  })

const pings = (pong: NonNullable<Calls["pong"]>, meter: Meter) =>
  Effect.gen(function*() {
    const next = yield* Queue.bounded<Message, Cause.Done>(1)
    let at = performance.now()
    let n = 0
    yield* Queue.offer(next, message(n))
    yield* Stream.runForEach(pong(Stream.fromQueue(next)), () => {
      at = meter.answered(at)
      return meter.stopped() ? Queue.end(next) : Queue.offer(next, message(++n))
    })
  })
