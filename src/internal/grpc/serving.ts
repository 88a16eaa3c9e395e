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
import * as Framing from "./framing.ts"
import type { Head } from "./head.ts"
import * as Messages from "./messages.ts"
import type { Held, Session } from "./session.ts"
import { Code } from "./statusCodes.ts"

export interface Options {
  readonly answer: Answer
  readonly wheel: Wheel
  readonly context: Context.Context<never>
  readonly maxMessage: number
}

/** A call. It is over when its answer has ended, whatever the handler still does. */
export class Serving implements Held {
  readonly session: Session
  readonly service: string
  place = 0

  private readonly options: Options
  private readonly stream: Served
  private readonly head: Head
  private readonly exchange: Exchange
  private reader: Messages.Reader | undefined = undefined
  private fiber: Fiber.Fiber<unknown> | undefined = undefined
  private isBegun = false
  private isOver = false

  constructor(options: Options, session: Session, stream: ServerHttp2Stream, head: Head, exchange: Exchange) {
    this.options = options
    this.session = session
    this.service = head.call.service
    this.stream = stream
    this.head = head
    this.exchange = exchange
  }

  start(): void {
    if (this.head.kind === undefined || this.head.kind === "many") return this.run(this.messages())
    // The only message of a call comes before its handler starts.
    this.stream[serving] = this
    Answers.readPast(this.stream)
    this.stream.on("data", readMessage)
    this.stream.on("end", endedMessage)
  }

  interrupt(): void {
    // A fiber that is interrupted ends the answer itself, once its finalizers have run.
    if (this.fiber === undefined) Answers.abandon(this.stream)
    else this.fiber.interruptUnsafe()
  }

  closed(): void {
    this.isOver = true
    this.stream[serving] = undefined
    this.fiber?.interruptUnsafe()
  }

  /** A read of a call with one message. Its handler starts when that is whole. */
  read(read: Buffer): void {
    if (this.isOver) return Answers.pass(this.stream, read)
    if (this.isBegun) return
    const { maxMessage } = this.options
    const only = this.reader === undefined ? Framing.only(read, maxMessage) : undefined
    if (only !== undefined) return this.begin(only)
    this.reader ??= Messages.reader(maxMessage, () => this.head.isGzip)
    const messages = this.reader.read(read)
    if ("message" in messages) this.explain(messages)
    else if (messages.length > 0) this.begin(messages[0].bytes)
  }

  ended(): void {
    if (this.isBegun) return
    this.refuse(failure("Malformed", `The call of ${this.head.call.method} carries no message`))
  }

  private begin(message: Uint8Array): void {
    this.isBegun = true
    if (this.head.kind === "one") this.run(message)
    else this.answer(message)
  }

  private answer(message: Uint8Array): void {
    this.fiber = this.options.answer(this.exchange, this.head.call, message, (reply) => this.reply(reply))
    if (this.stream.destroyed) this.closed()
  }

  private reply(reply: Reply | undefined): void {
    this.isOver = true
    if (reply === undefined) Answers.abandon(this.stream)
    else if (!(reply instanceof Uint8Array)) Answers.fail(this.stream, this.form(), reply)
    else if (this.head.kind === "brief") Answers.whole(this.stream, reply)
    else Answers.succeed(this.stream, this.form(), reply)
  }

  private refuse(problem: Failure, code?: number): void {
    if (this.isOver) return
    Answers.fail(this.stream, this.form(), problem, code)
    this.isOver = true
    this.fiber?.interruptUnsafe()
  }

  private explain({ isLarge, message }: Messages.Problem): void {
    this.refuse(failure("Malformed", message), isLarge ? Code.ResourceExhausted : undefined)
  }

  private form(): Answers.Form {
    const { call, form, isGzip, kind } = this.head
    const isOwn = kind !== undefined
    return { form, contentType: call.contentType, isOwn, isGzip: isGzip && !isOwn }
  }

  /** The messages of a call. The first one that is asked for is, at a client of ours, the reason to send any. */
  private messages(): Stream.Stream<Uint8Array> {
    const { head: { isGzip, kind }, options, stream } = this
    const reader = Messages.reader(options.maxMessage, () => isGzip)
    const inlet = Inlet.make<Uint8Array, never>(stream, (read) => {
      if (this.isOver) return []
      const messages = reader.read(read)
      if (!("message" in messages)) return messages.map(({ bytes }) => bytes)
      this.explain(messages)
      return []
    }, () => {
      if (kind !== undefined) Answers.begin(stream, this.form())
    })
    const end = () => {
      if (this.isOver || stream.closed) return
      if (reader.isWhole()) inlet.end(done)
      else this.refuse(failure("Malformed", "The messages end within one"))
    }
    // Clients on Node end their messages right before they cancel a call. That is not to be taken for their end.
    stream.on("end", () => void (kind === undefined ? setImmediate(end) : end()))
    return Stream.fromPull(Effect.succeed(inlet.pull))
  }

  /** Runs a handler whose replies are many, or may be. */
  private run(messages: Uint8Array | Stream.Stream<Uint8Array>): void {
    const { exchange, head: { call }, options, stream } = this
    const form = this.form()
    let failed: Failure | undefined
    const send = (replies: ReadonlyArray<Reply>): Effect.Effect<void> => {
      if (failed !== undefined || this.isOver) return Effect.void
      const end = replies.findIndex((reply) => !(reply instanceof Uint8Array))
      if (end !== -1) failed = replies[end] as Failure
      if (end === 0) return Effect.void
      Answers.begin(stream, form)
      const messages = (end === -1 ? replies : replies.slice(0, end)) as ReadonlyArray<Uint8Array>
      return Outlet.send(stream, messages, Messages.pack(form.isGzip))
    }
    if (call.timeout !== undefined && call.timeout <= 0) return this.refuse(Deadline.expired(call))
    const expiry = Deadline.watch(options.wheel, call, (reply) => this.refuse(reply))
    const replies = Effect.suspend(() => Stream.runForEachArray(exchange.stream(call, messages), send))
    const fiber = Effect.runForkWith(options.context)(replies)
    this.fiber = fiber
    if (this.isOver) fiber.interruptUnsafe()
    fiber.addObserver((exit) => {
      if (expiry !== undefined) options.wheel.remove(expiry)
      if (this.isOver) return
      this.isOver = true
      if (failed !== undefined) Answers.fail(stream, form, failed)
      else if (exit._tag === "Success") Answers.succeed(stream, form)
      else if (Cause.hasInterruptsOnly(exit.cause)) Answers.abandon(stream)
      else Answers.fail(stream, form, defect(exit.cause))
    })
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const done: Exit.Exit<never, Cause.Done> = Exit.fail(Cause.Done())

const serving = Symbol("serving")

interface Served extends ServerHttp2Stream {
  /** Its call, where that reads by a listener which all streams share; Node keeps a stream for longer than its call. */
  [serving]?: Serving | undefined
}

function readMessage(this: Served, read: Buffer): void {
  this[serving]?.read(read)
}

function endedMessage(this: Served): void {
  this[serving]?.ended()
}
