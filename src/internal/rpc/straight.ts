/**
 * The first attempt of a unary call, where there is nobody to wait for but the instance: one that may be chosen at once, over
 * a connection that is at hand. This is the hot path of a client.
 *
 * All of it is one step of the caller's fiber, which the reply resumes once, with what the call comes to. Whatever else may
 * happen is left to `exchange.ts`: a choice that has to ask, a connection that has to be dialled, an attempt to follow.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Instance } from "../../Registry.ts"
import type { SelectOptions } from "../../Selector.ts"
import type { Connection, Reply, TransportError } from "../../Transport.ts"
import * as Prompt from "../prompt.ts"
import * as Sending from "../sending.ts"
import { now } from "../wheel.ts"
import * as Attempts from "./attempts.ts"
import * as Exchange from "./exchange.ts"
import * as Line from "./line.ts"
import * as Verdict from "./verdict.ts"
import * as Writing from "./writing.ts"

/** What follows an attempt. */
export interface Rest {
  /** It was answered, at that moment. */
  readonly replied: (
    line: Line.Line,
    head: Line.Head,
    letter: Writing.Letter,
    visit: Exchange.Visit,
    reply: Reply,
    end: number
  ) => Effect.Effect<unknown, unknown>
  readonly failed: (
    line: Line.Line,
    head: Line.Head,
    letter: Writing.Letter,
    visit: Exchange.Visit,
    fault: Line.Fault
  ) => Effect.Effect<unknown, unknown>
}

/** Goes on with the fiber of the caller. */
export type Resume = (rest: Effect.Effect<unknown, unknown>) => void

/** Whether a call may be sent so, as far as is known before somebody is chosen. */
export const isOpen = ({ isStraight, known, method }: Line.Line, { call, span }: Line.Head): boolean =>
  isStraight && known && method.hedge === undefined && span === undefined && call.timeout! > 0

/** Makes the attempt. Returns what gives it up where the fiber is interrupted; nothing where it goes on already. */
export const send = (
  line: Line.Line,
  head: Line.Head,
  letter: Writing.Letter,
  rest: Rest,
  fiber: Fiber.Fiber<unknown, unknown>,
  resume: Resume
): Effect.Effect<void> | undefined => {
  const lease = Scope.makeUnsafe()
  const options = Attempts.choice(undefined, head.key, line.road.choice)
  const attempt = new Attempt(line, head, letter, rest, lease, resume)
  const chosen: Line.Choice = Prompt.run(Line.lend(line, head, lease, options), fiber)
  const instance = Prompt.value(chosen)
  if (instance === undefined) return void attempt.proceed(options, chosen)
  attempt.instance = instance
  line.settles = lease.state._tag !== "Empty"
  const connection = line.road.connections.find(instance.address)
  const sent = connection === undefined ? undefined : attempt.send(connection)
  if (attempt.isOver) return undefined
  // The lease is open: the fiber goes on only once what gives it back is in place.
  if (sent === undefined) queueMicrotask(() => attempt.proceed(options, chosen))
  return Effect.suspend(() => attempt.cancel(sent))
}

/** An attempt by effects, and what follows it. */
export const after = (
  line: Line.Line,
  head: Line.Head,
  letter: Writing.Letter,
  visit: Exchange.Visit,
  rest: Rest,
  sent: Effect.Effect<Reply, Line.Fault>
): Effect.Effect<unknown, unknown> =>
  Effect.matchEffect(sent, {
    onSuccess: (reply) => {
      const end = now(head.clock)
      return rest.replied(line, head, letter, visit, reply, end)
    },
    onFailure: (fault) => rest.failed(line, head, letter, visit, fault)
  })

// ---------------------------------------------------------------------------------------------------------------------

/** An attempt under way; whoever waits for the reply and what is known of the visit are one object, for each call has one. */
class Attempt implements Sending.Caller, Exchange.Visit {
  readonly line: Line.Line
  readonly moment: Line.Head
  readonly letter: Writing.Letter
  readonly rest: Rest
  readonly lease: Scope.Closeable
  readonly resume: Resume
  readonly isAlone = true
  readonly history = undefined
  readonly isHedge = false
  instance: Instance | undefined = undefined
  hedge: Instance | undefined = undefined
  writing: Writing.Writing
  isOver = false

  constructor(
    line: Line.Line,
    head: Line.Head,
    letter: Writing.Letter,
    rest: Rest,
    lease: Scope.Closeable,
    resume: Resume
  ) {
    this.line = line
    this.moment = head
    this.letter = letter
    this.rest = rest
    this.lease = lease
    this.resume = resume
    this.writing = letter.writing
  }

  /** Sends the call, where the connection sends so and the message can be written for it. */
  send(connection: Connection): Sending.Sent | undefined {
    const { letter, line, moment: { call } } = this
    const send = Sending.find(connection)
    const fitted = send === undefined ? undefined : Writing.fitted(line.writings, letter, connection)
    if (send === undefined || fitted === undefined || Writing.isFailed(fitted)) return undefined
    this.writing = fitted.writing
    const { contentType } = fitted.writing
    try {
      return send(contentType === call.contentType ? call : { ...call, contentType }, fitted.bytes, this)
    } catch (defect) {
      return void this.goOn(this.close(undefined), Exit.die(defect))
    }
  }

  replied(reply: Reply, now: Sending.Now): void {
    this.end(reply, now(this.moment.clock))
  }

  lost(error: TransportError, now: Sending.Now): void {
    this.end(error, now(this.moment.clock))
  }

  /** Gives the instance back, and goes on. Nothing may be thrown at who brought the reply. */
  end(outcome: Reply | TransportError, end: number): void {
    const { letter, line, moment: head, rest } = this
    const left = this.close(outcome, end)
    let after: Effect.Effect<unknown, unknown>
    try {
      after = outcome instanceof Uint8Array || outcome._tag === "Failure"
        ? rest.replied(line, head, letter, this, outcome, end)
        : rest.failed(line, head, letter, this, outcome)
    } catch (defect) {
      after = Exit.die(defect)
    }
    this.goOn(left, after)
  }

  /** Gives the instance back; returns what remains to be done. */
  close(outcome: Reply | TransportError | undefined, end?: number): Effect.Effect<void> | undefined {
    this.isOver = true
    return Verdict.settle(this.line, this.moment, this.lease, outcome, end)
  }

  goOn(left: Effect.Effect<void> | undefined, after: Effect.Effect<unknown, unknown>): void {
    this.resume(left === undefined ? after : Effect.andThen(left, after))
  }

  /** Leaves the attempt to the fiber of the caller. */
  proceed(options: SelectOptions, chosen: Line.Choice): void {
    const { lease, letter, line, moment: head, rest } = this
    const sent = Exchange.proceed(line, head, letter, options, this, lease, chosen)
    this.resume(after(line, head, letter, this, rest, sent))
  }

  cancel(sent: Sending.Sent | undefined): Effect.Effect<void> {
    sent?.cancel()
    return this.close(undefined) ?? Effect.void
  }
}
