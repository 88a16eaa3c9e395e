/**
 * Calls with many messages on one side or both: the calling half of an `Rpc`, as streams.
 *
 * They travel the same road as a unary call. An attempt is over when the first reply has come, or the input has been
 * asked for: from then on there is nothing to repeat. The lease of the instance ends with the last reply.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { CodecError } from "../../Codec.ts"
import type * as RpcError from "../../RpcError.ts"
import type { Connection, Reply, TransportError } from "../../Transport.ts"
import * as Batches from "../codec/batches.ts"
import * as Trace from "../trace.ts"
import { now } from "../wheel.ts"
import type { Room } from "./asked.ts"
import * as Attempts from "./attempts.ts"
import * as Chunks from "./chunks.ts"
import * as Exchange from "./exchange.ts"
import * as Line from "./line.ts"
import * as Meter from "./meter.ts"
import * as Packing from "./packing.ts"
import * as Served from "./running.ts"
import * as Spans from "./spans.ts"
import * as Verdict from "./verdict.ts"
import * as Writing from "./writing.ts"

type Chunk<A> = readonly [A, ...Array<A>]

/** A call that answers with many messages. */
export const many = (line: Line.Line, payload: unknown): Stream.Stream<unknown, unknown> =>
  Stream.fromChannel(
    Channel.fromTransform((_, scope) =>
      Effect.withFiber((fiber) =>
        Effect.flatMap(
          recorded(line, fiber, scope),
          (head) => begin(line, makeInput(line, fiber, payload), head, scope)
        )
      )
    )
  )

/** A call that answers with one message, after many. */
export const one = (line: Line.Line, payload: unknown): Effect.Effect<unknown, unknown> =>
  Effect.flatMap(Stream.runHead(many(line, payload)), (option) =>
    option._tag === "Some"
      ? Effect.succeed(option.value)
      : Effect.fail(Line.malformed(line, new Error("The answer carries no message"))))

// ---------------------------------------------------------------------------------------------------------------------

/** The head of the call; where calls are recorded, with a span that lasts as long as the stream. */
const recorded = (
  line: Line.Line,
  fiber: Fiber.Fiber<unknown, unknown>,
  scope: Scope.Scope
): Effect.Effect<Line.Head, RpcError.RpcError> => {
  const head = Line.head(line, fiber, true)
  const refused = Line.refusal(line, head, fiber)
  if (refused !== undefined) return refused
  const parent = Trace.current(fiber)
  if (!Trace.isRecording(fiber, parent)) return Effect.succeed(parent === undefined ? head : Line.traced(head, parent))
  const span = Trace.scoped("internal", line.service, line.method.endpoint, parent)
  return Effect.map(Scope.provide(span, scope), (span) => ({ ...head, span }))
}

/** What a stream of replies is while it runs. */
interface Running {
  readonly line: Line.Line
  readonly input: Input
  readonly head: Line.Head
  /** How the call was written, and so the replies are. */
  writing: Writing.Writing
  /** The lease of the instance that answers. */
  lease: Scope.Closeable
  /** What the lease is given back with. */
  verdict: Exit.Exit<Reply | void, Line.Fault>
  /** Where the next chunk of values comes from: attempts, until an instance answers. */
  next: Pull.Pull<Chunk<unknown>, unknown>
  /** What became of the call. */
  outcome: string
}

const begin = (line: Line.Line, input: Input, head: Line.Head, scope: Scope.Scope) => {
  if (input.failure !== undefined) return Effect.succeed(Effect.fail(input.failure))
  const running: Running = {
    line,
    input,
    head,
    writing: line.writings.usual,
    lease: Scope.makeUnsafe(),
    verdict: Exit.void,
    next: Effect.suspend(() => values(running, open(running, head, undefined), identity)),
    outcome: "Cancelled"
  }
  // The lease is no child of the scope: what went wrong downstream says nothing about the instance.
  const close = Effect.suspend(() => {
    line.tally(running.outcome, now(head.clock) - head.start)
    return Verdict.giveBack(line, head, running.lease, running.verdict)
  })
  return Effect.as(Scope.addFinalizer(scope, close), Effect.suspend(() => running.next))
}

/** The values of replies. One operator does it all, as each costs a stream of single elements what it costs for each. */
const values = <E>(
  running: Running,
  replies: Pull.Pull<Chunk<Reply>, E>,
  explain: (error: E | Cause.Done) => unknown
): Pull.Pull<Chunk<unknown>, unknown> =>
  Effect.matchCauseEffect(replies, {
    onSuccess: (chunk) => read(running, chunk),
    onFailure: (cause) => ended(running, Cause.map(cause, explain))
  })

/** Takes down how the call ended. Where the caller's own messages failed, that is why. */
const ended = (running: Running, cause: Cause.Cause<unknown>): Effect.Effect<never, unknown> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
  const { failure } = running.input
  running.outcome = Pull.isDoneCause(cause) ? "OK" : Meter.outcome(failure ?? Cause.squash(cause))
  return running.next = failure === undefined ? Effect.failCause(cause) : Effect.fail(failure)
}

/** Attempts until one has a first chunk of replies. */
const open = (
  running: Running,
  head: Line.Head,
  history: Attempts.History | undefined
): Pull.Pull<Chunk<Reply>, RpcError.RpcError> => {
  const { input, line } = running
  const visit = Exchange.visit(history, running.writing, false)
  const lease = running.lease = Scope.makeUnsafe()
  running.verdict = Exit.void
  const attempt = head.span === undefined
    ? first(running, head, visit, undefined)
    : Effect.flatMap(
      Spans.scoped(head, head.span, visit, lease),
      (span) => first(running, Line.traced(head, span), visit, span)
    )
  return Effect.catch(attempt, (fault) => {
    if (Cause.isDone(fault)) return Effect.fail(fault)
    if (running.verdict._tag === "Success" && running.verdict.value === undefined) running.verdict = Exit.fail(fault)
    const error = Line.explain(line, head.call, fault)
    // A caller's own messages go out once.
    if (input.begun) return Effect.fail(error)
    const failed = Attempts.outcome(error, line.method.idempotent, false)
    return Effect.andThen(
      Verdict.giveBack(line, head, lease, running.verdict),
      Line.again(line, head, failed, error, visit.instance, history, (head, history) => open(running, head, history))
    )
  })
}

/** The first chunk of replies of whoever is lent. */
const first = (
  running: Running,
  head: Line.Head,
  visit: Exchange.Visit,
  span: Tracer.Span | undefined
): Pull.Pull<Chunk<Reply>, Line.Fault> => {
  const { input, lease, line } = running
  const { call } = head
  // A wire that broke under a stream speaks against the instance.
  const broken = (error: TransportError | Cause.Done) => {
    if (Cause.isDone(error)) return error
    running.verdict = Exit.fail(error)
    return Attempts.fromTransport(error, call)
  }
  const options = Attempts.choice(visit.history, head.key, line.road.choice)
  return Effect.flatMap(Line.lend(line, head, lease, options), (lent) => {
    visit.instance = lent
    if (span !== undefined) Spans.lent(span, lent)
    return Effect.flatMap(
      Line.dial(line, head, lent, visit.history?.tried),
      (connected) => {
        const written = input.written(connected)
        if ("_tag" in written) return Effect.mapError(written, (cause) => Line.malformed(line, cause))
        running.writing = written.writing
        const { contentType } = written.writing
        const sent = connected.stream(
          contentType === call.contentType ? call : { ...call, contentType },
          written.messages
        )
        return Effect.flatMap(Channel.toPullScoped(sent.channel, lease), (pull) => {
          running.next = values(running, pull, broken)
          return Effect.tap(Effect.mapError(pull, broken), ([first]) => {
            if (first instanceof Uint8Array || !Line.isRefusal(first)) return Effect.void
            running.verdict = Exit.succeed(first)
            if (span !== undefined) Spans.failed(span, first)
            return Effect.fail(Attempts.fromFailure(first, call))
          })
        })
      }
    )
  })
}

/** The values of a chunk of replies. A failure behind values comes with the next pull. */
const read = (running: Running, replies: Chunk<Reply>): Pull.Pull<Chunk<unknown>, unknown> => {
  const { head, line, writing } = running
  const batches = Batches.of(writing.success)
  let values: Array<unknown> | undefined
  for (const reply of replies) {
    let end: Effect.Effect<never, unknown>
    if (!(reply instanceof Uint8Array)) {
      end = Line.failed(writing, head.call, reply)
    } else if (batches?.isBatch(reply) === true) {
      const failed = batches.decode(reply, values ??= [])
      if (failed === undefined) continue
      end = Effect.mapError(failed, (error) => Line.malformed(line, error))
    } else {
      const value: Exit.Exit<unknown, CodecError> = writing.success.decode(reply)
      if (value._tag === "Success") {
        if (values === undefined) values = [value.value]
        else values.push(value.value)
        continue
      }
      end = Effect.fail(Line.malformed(line, Cause.squash(value.cause)))
    }
    running.next = Effect.catchCause(end, (cause) => ended(running, cause))
    break
  }
  // A message of several may have been one of none.
  return values === undefined || values.length === 0
    ? running.next
    : Effect.succeed(values as unknown as Chunk<unknown>)
}

/** Messages, and how they are written. */
interface Written {
  readonly writing: Writing.Writing
  readonly messages: Uint8Array | Stream.Stream<Uint8Array>
}

/** The messages that go out: encoded as they are asked for. */
interface Input {
  /** The messages, written so that they can be read at the other end of a connection. */
  readonly written: (connection: Connection) => Written | Exit.Failure<never, CodecError>
  /** Whether the messages have been asked for, so that they cannot be sent a second time. */
  begun: boolean
  /** Why there will be no more messages, where the caller's own stream failed. */
  failure: RpcError.RpcError | undefined
}

const makeInput = (line: Line.Line, fiber: Fiber.Fiber<unknown, unknown>, payload: unknown): Input => {
  if (!line.method.streamsIn) return makeMessage(line, payload)
  // The caller's stream runs as the caller's, whatever fiber a transport pulls it with.
  const own = Served.within(payload as Stream.Stream<unknown, RpcError.RpcError>, fiber.context)
  const messages = ({ payload }: Writing.Writing, { room }: Connection & Room) =>
    Stream.suspend(() => {
      input.begun = true
      return Chunks.encoded(own, payload, Packing.make(room, payload), (cause) =>
        Line.malformed(line, cause), (failure) => {
        input.failure = failure
        return Effect.die(failure)
      })
    })
  const input: Input = {
    written: (connection) => {
      const writing = Writing.suited(line.writings, connection)
      return { writing, messages: messages(writing, connection) }
    },
    begun: false,
    failure: undefined
  }
  return input
}

/** The only message of a call, encoded ahead: one that cannot be is nobody's fault but the caller's. */
const makeMessage = (line: Line.Line, payload: unknown): Input => {
  const letter = Writing.write(line.writings.usual, payload)
  if (Writing.isFailed(letter)) {
    return { written: () => letter, begun: false, failure: Line.malformed(line, Cause.squash(letter.cause)) }
  }
  return {
    written: (connection) => {
      const fitted = Writing.fitted(line.writings, letter, connection)
      return Writing.isFailed(fitted) ? fitted : { writing: fitted.writing, messages: fitted.bytes }
    },
    begun: false,
    failure: undefined
  }
}
