/**
 * The listening end of a connection as its calls see it: those that run, and what they write to.
 */
import type * as Context from "effect/Context"
import type { Socket } from "node:net"
import type { Busy } from "../../Load.ts"
import { type Exchange, type Failure, failure, type Reply } from "../../Transport.ts"
import type { Answer } from "../answering.ts"
import type { Wheel } from "../wheel.ts"
import * as Flow from "./flow.ts"
import { Flag, Type } from "./frames.ts"
import * as Gate from "./gate.ts"
import * as Hello from "./hello.ts"
import type { Mailbox } from "./mailbox.ts"
import type * as Outlet from "./outlet.ts"
import * as Telling from "./telling.ts"
import * as Vigil from "./vigil.ts"
import * as Writer from "./writer.ts"

export interface Options {
  readonly find: (service: string) => Exchange | undefined
  readonly answer: Answer
  /** How busy the services of the port are. */
  readonly load: () => Busy
  readonly wheel: Wheel
  readonly context: Context.Context<never>
  readonly maxMessage: number
  readonly maxHeaders: number
  readonly maxCalls: number
}

/** Messages of a stream that wait to be pulled. */
export type Inbox = Mailbox<Uint8Array, never>

/** A call that has not ended. */
export interface Running {
  readonly service: string
  readonly interrupt: () => void
  /** Whether the caller has gone. */
  cancelled: boolean
  /** Ends a call with a failure, whatever its handler does. */
  readonly refuse?: (problem: Failure) => void
  readonly inbox?: Inbox | undefined
  readonly outlet?: Outlet.Outlet<Reply>
}

export interface Reception {
  readonly socket: Socket
  readonly options: Options
  readonly writer: Writer.Writer
  readonly gate: Gate.Gate
  readonly outflow: Flow.Outflow
  readonly inflow: Flow.Inflow
  readonly calls: ReadonlyMap<number, Running>
  /** Enters a call among those that run. */
  readonly enter: (id: number, running: Running) => void
  readonly leave: (id: number) => void
  readonly vigil: Vigil.Vigil
  readonly telling: Telling.Telling
  /** Bytes of a reply that the client takes. */
  maxReply: number
  /** Whether the client reads messages that hold several values. */
  batches: boolean
}

/** `drop` forgets what has come of a call's message in parts. */
export const make = (socket: Socket, options: Options, drop: (id: number) => void): Reception => {
  const gate = Gate.make(socket)
  const writer = Writer.make(socket, gate)
  const calls = new Map<number, Running>()
  const { maxCalls, maxHeaders, maxMessage } = options
  writer.bytes(
    Type.Hello,
    0,
    0,
    Hello.encode({ message: maxMessage, headers: maxHeaders, calls: maxCalls, probes: true, batches: true })
  )
  const vigil = Vigil.make(socket, writer, options.wheel, () => calls.size > 0)
  return {
    socket,
    options,
    writer,
    gate,
    outflow: Flow.outflow(),
    inflow: Flow.inflow((bytes) => writer.number(Type.Credit, Flag.All, 0, bytes)),
    calls,
    enter: (id, running) => {
      calls.set(id, running)
      vigil.keep()
    },
    leave: (id) => {
      calls.delete(id)
      drop(id)
    },
    vigil,
    telling: Telling.make(writer, options),
    maxReply: Infinity,
    batches: false
  }
}

/** Ends a call: with a reply, or because it was interrupted. */
export const end = (reception: Reception, id: number, reply: Reply | undefined): void => {
  const { calls, leave, socket, writer } = reception
  const running = calls.get(id)
  leave(id)
  if (socket.destroyed) return
  // Before the reply, which the client takes as soon as it has read it.
  if (reception.telling.isAsked) Telling.mention(reception.telling)
  if (reply === undefined) writer.drop(id)
  if (reply instanceof Uint8Array) {
    if (reply.length <= reception.maxReply) writer.bytes(Type.Message, Flag.Last, id, reply)
    else writer.failure(id, tooLong(reception, reply))
  } else if (reply !== undefined) writer.failure(id, reply)
  else if (running?.cancelled === true) writer.frame(Type.End, 0, id)
  else writer.frame(Type.Lost, 0, id)
  ease(reception)
}

/** The failure in place of a reply that the client would only throw away. */
export const tooLong = ({ maxReply }: Reception, { length }: Uint8Array): Failure =>
  failure("Malformed", `A reply of ${length} bytes is over the client's limit of ${maxReply}`)

/** Ends a stream that has sent all its replies. */
export const complete = ({ leave, socket, writer }: Reception, id: number): void => {
  leave(id)
  if (!socket.destroyed) writer.frame(Type.End, 0, id)
}

/** A client that makes us write and reads nothing of it is not read from either. */
export const ease = ({ options, socket, writer }: Reception): void => {
  const isFull = () => writer.waiting() >= 4 * options.maxMessage
  if (!socket.writableNeedDrain || socket.isPaused() || !isFull()) return
  socket.pause()
  const drained = () => {
    if (isFull()) return
    socket.removeListener("drain", drained)
    socket.resume()
  }
  socket.on("drain", drained)
}
