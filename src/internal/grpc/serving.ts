/**
 * One call at the listening end: from its head to its last reply.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { ServerHttp2Stream } from "node:http2"
import { type Exchange, type Failure, failure, type Reply } from "../../Transport.ts"
import { type Answer, defect } from "../answering.ts"
import * as Deadline from "../deadline.ts"
import * as Inlet from "../inlet.ts"
import * as Outlet from "../outlet.ts"
import type { Wheel } from "../wheel.ts"
import * as Answers from "./answer.ts"
import type { Head } from "./head.ts"
import * as Messages from "./messages.ts"
import { Code } from "./statusCodes.ts"

export interface Options {
  readonly answer: Answer
  readonly wheel: Wheel
  readonly context: Context.Context<never>
  readonly maxMessage: number
}

/** A call that has not ended. */
export interface Running {
  readonly interrupt: () => void
  /** To be told when its stream has closed. */
  readonly closed: () => void
}

/** Serves a call of either kind. */
export const start = (options: Options, stream: ServerHttp2Stream, head: Head, exchange: Exchange): Running => {
  const isOwn = head.kind !== undefined
  const form: Answers.Form = {
    form: head.form,
    contentType: head.call.contentType,
    isOwn,
    isGzip: head.isGzip && !isOwn
  }
  const reader = Messages.reader(options.maxMessage, () => head.isGzip)
  const serving: Serving = { options, stream, head, exchange, form, reader, fiber: undefined, isOver: false }
  if (head.kind === undefined || head.kind === "many") run(serving, inbound(serving))
  else awaitMessage(serving)
  return { interrupt: () => abandon(serving), closed: () => interrupt(serving) }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Serving {
  readonly options: Options
  readonly stream: ServerHttp2Stream
  readonly head: Head
  readonly exchange: Exchange
  readonly form: Answers.Form
  readonly reader: Messages.Reader
  fiber: Fiber.Fiber<unknown> | undefined
  /** Whether the answer has ended, whatever the handler still does. */
  isOver: boolean
}

const interrupt = (serving: Serving): void => {
  serving.isOver = true
  serving.fiber?.interruptUnsafe()
}

const abandon = (serving: Serving): void => {
  // A fiber that is interrupted ends the answer itself, once its finalizers have run.
  if (serving.fiber === undefined) Answers.abandon(serving.stream)
  else serving.fiber.interruptUnsafe()
}

const refuse = (serving: Serving, problem: Failure, code?: number): void => {
  if (serving.isOver) return
  Answers.fail(serving.stream, serving.form, problem, code)
  interrupt(serving)
}

const explain = (serving: Serving, { isLarge, message }: Messages.Problem): void =>
  refuse(serving, failure("Malformed", message), isLarge ? Code.ResourceExhausted : undefined)

/** The only message of a call, before its handler starts. */
const awaitMessage = (serving: Serving): void => {
  const { head, reader, stream } = serving
  let begun = false
  stream.on("data", (read: Buffer) => {
    if (begun || serving.isOver) return
    const messages = reader.read(read)
    if ("message" in messages) return explain(serving, messages)
    if (messages.length === 0) return
    begun = true
    if (head.kind === "one") run(serving, messages[0].bytes)
    else answer(serving, messages[0].bytes)
  })
  stream.on("end", () => {
    if (!begun) refuse(serving, failure("Malformed", `The call of ${head.call.method} carries no message`))
  })
}

const answer = (serving: Serving, message: Uint8Array): void => {
  const { exchange, form, head, options, stream } = serving
  const reply = (reply: Reply | undefined) => {
    serving.isOver = true
    if (reply instanceof Uint8Array) (head.kind === "brief" ? Answers.whole : Answers.succeed)(stream, form, reply)
    else if (reply === undefined) Answers.abandon(stream)
    else Answers.fail(stream, form, reply)
  }
  serving.fiber = options.answer(exchange, head.call, message, reply)
  if (stream.destroyed) interrupt(serving)
}

/** The messages of a call. The first one that is asked for is, at a client of ours, the reason to send any. */
const inbound = (serving: Serving): Stream.Stream<Uint8Array> => {
  const { form, head, reader, stream } = serving
  const inlet = Inlet.make<Uint8Array, never>(stream, (read) => {
    if (serving.isOver) return []
    const messages = reader.read(read)
    if (!("message" in messages)) return messages.map(({ bytes }) => bytes)
    explain(serving, messages)
    return []
  }, () => {
    if (head.kind !== undefined) Answers.begin(stream, form)
  })
  const end = () => {
    if (serving.isOver || stream.closed) return
    if (reader.isWhole()) inlet.end(done)
    else refuse(serving, failure("Malformed", "The messages end within one"))
  }
  // Clients on Node end their messages right before they cancel a call. That is not to be taken for their end.
  stream.on("end", () => void (head.kind === undefined ? setImmediate(end) : end()))
  return Stream.fromPull(Effect.succeed(inlet.pull))
}

/** Runs a handler whose replies are many, or may be. */
const run = (serving: Serving, messages: Uint8Array | Stream.Stream<Uint8Array>): void => {
  const { exchange, form, head: { call }, options, stream } = serving
  let failed: Failure | undefined
  const send = (replies: ReadonlyArray<Reply>): Effect.Effect<void> => {
    if (failed !== undefined || serving.isOver) return Effect.void
    const end = replies.findIndex((reply) => !(reply instanceof Uint8Array))
    if (end !== -1) failed = replies[end] as Failure
    if (end === 0) return Effect.void
    Answers.begin(stream, form)
    const messages = (end === -1 ? replies : replies.slice(0, end)) as ReadonlyArray<Uint8Array>
    return Outlet.send(stream, messages, Messages.pack(form.isGzip))
  }
  if (call.timeout !== undefined && call.timeout <= 0) return refuse(serving, Deadline.expired(call))
  const expiry = Deadline.watch(options.wheel, call, (reply) => refuse(serving, reply))
  const replies = Effect.suspend(() => Stream.runForEachArray(exchange.stream(call, messages), send))
  const fiber = Effect.runForkWith(options.context)(replies)
  serving.fiber = fiber
  if (serving.isOver) fiber.interruptUnsafe()
  fiber.addObserver((exit) => {
    if (expiry !== undefined) options.wheel.remove(expiry)
    if (serving.isOver) return
    serving.isOver = true
    if (failed !== undefined) Answers.fail(stream, form, failed)
    else if (exit._tag === "Success") Answers.succeed(stream, form)
    else if (Cause.hasInterruptsOnly(exit.cause)) Answers.abandon(stream)
    else Answers.fail(stream, form, defect(exit.cause))
  })
}

const done: Exit.Exit<never, Cause.Done> = Exit.fail(Cause.Done())
