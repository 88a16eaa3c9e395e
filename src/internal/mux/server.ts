/**
 * The listening end of a multiplexed connection: frames to calls, replies to frames.
 *
 * A unary call runs in one fiber that starts within the event that brought it; a call that answers at once leaves no
 * trace here. The end of the connection interrupts all that still runs.
 */
import type { Socket } from "node:net"
import { type Call, type Exchange, failure, type Reply } from "../../Transport.ts"
import * as Eager from "../eager.ts"
import * as Memory from "../memory.ts"
import * as Flow from "./flow.ts"
import { Flag, maxHello, maxPing, optional, readU32, silence, Type } from "./frames.ts"
import * as Heads from "./heads.ts"
import * as Hello from "./hello.ts"
import * as Mailbox from "./mailbox.ts"
import * as Reader from "./reader.ts"
import * as Reception from "./reception.ts"
import * as Serving from "./serving.ts"
import * as Telling from "./telling.ts"

export type Options = Reception.Options

export interface Server {
  /** Tells the client to make no new calls here. It closes the connection when those under way have ended. */
  readonly leave: () => void
  /** Interrupts the calls of a service. */
  readonly evict: (service: string) => void
}

/** Serves a connection until it ends. `head` is what was read beyond the handshake. */
export const make = (socket: Socket, head: Buffer, options: Options): Server => {
  const reception = Reception.make(socket, options, (id) => drop(id))
  const { calls, writer } = reception
  const maxFrame = Math.max(options.maxMessage + options.maxHeaders + 64, maxHello)
  const { drop, read } = Reader.make(maxFrame, frames(reception, (id) => drop(id)))
  socket.setKeepAlive(true, silence)
  socket.on("data", reception.vigil.heard)
  socket.on("data", read)
  socket.on("error", () => socket.destroy())
  socket.on("end", () => socket.destroy())
  socket.on("close", () => {
    for (const running of calls.values()) running.interrupt()
  })
  if (head.length > 0) read(head)
  return {
    leave: () => writer.frame(Type.GoAway, 0, 0),
    evict: (service) => {
      for (const running of calls.values()) if (running.service === service) running.interrupt()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const frames = (reception: Reception.Reception, drop: Reader.Reader["drop"]): Reader.Frames => {
  const { calls, inflow, options, outflow, socket, writer } = reception
  const routes: Heads.Routes = new Map()
  const touched: Array<Reception.Inbox> = []
  const garbage = () => void socket.destroy()
  let greeted = false

  const open = (flags: number, id: number, bytes: Buffer, start: number, end: number) => {
    const head = Heads.read(flags, bytes, start, end, routes, options.maxHeaders)
    if (head === undefined || calls.has(id) || writer.has(id) || socket.destroyed) return garbage()
    if ("status" in head) return writer.failure(id, head)
    const { body, call } = head
    if (end - body > options.maxMessage) return oversized(Type.Open, flags, id, end - body)
    if (calls.size >= options.maxCalls) {
      return writer.failure(id, failure("Overloaded", `This connection has ${calls.size} calls under way`))
    }
    const exchange = options.find(call.service)
    if (exchange === undefined) {
      return writer.failure(id, failure("Unimplemented", `${call.service} is not served here`))
    }
    const message = (flags & Flag.Last) === 0 ? undefined : bytes.subarray(body, end)
    if (message === undefined || (flags & Flag.Stream) !== 0) Serving.start(reception, exchange, call, id, message)
    else answer(reception, exchange, call, id, message)
  }
  const message = (flags: number, id: number, bytes: Buffer, start: number, end: number) => {
    const inbox = calls.get(id)?.inbox
    if (inbox === undefined) return skip(end - start)
    if (end - start > options.maxMessage) return oversized(Type.Message, flags, id, end - start)
    if (!inbox.offer(bytes.subarray(start, end), end - start)) return garbage()
    if ((flags & Flag.Last) !== 0) inbox.end(Mailbox.done)
    touched.push(inbox)
  }
  const credit = (flags: number, id: number, bytes: number) => {
    if ((flags & Flag.Parts) !== 0) writer.grant(bytes)
    else if ((flags & Flag.All) !== 0) outflow.grant(bytes)
    else calls.get(id)?.outlet?.credit(bytes)
  }
  /** A message that nobody takes. */
  const skip = (size: number) => inflow.take(Flow.cost(size)) ? inflow.give(Flow.cost(size)) : garbage()
  const cancel = (id: number) => {
    const halfway = drop(id)
    const running = calls.get(id)
    if (running !== undefined) {
      running.cancelled = true
      running.interrupt()
    } else if (halfway || writer.has(id)) {
      // The call has not come as a whole, or its reply has not gone.
      writer.drop(id)
      writer.frame(Type.End, 0, id)
    }
  }
  const oversized = (type: number, _flags: number, id: number, size: number) => {
    const problem = failure("Malformed", `A message of ${size} bytes is over the limit of ${options.maxMessage}`)
    const running = calls.get(id)
    drop(id)
    if (type === Type.Open && running === undefined) return writer.failure(id, problem)
    if (type !== Type.Message) return garbage()
    skip(size)
    running?.refuse?.(problem)
  }
  const greet = (type: number, bytes: Buffer, start: number, end: number) => {
    const limits = type === Type.Hello ? Hello.decode(bytes, start, end) : undefined
    if (limits === undefined) return garbage()
    greeted = true
    reception.maxReply = limits.message
    reception.batches = limits.batches === true
  }
  return {
    frame: (type, flags, id, bytes, start, end) => {
      if (!greeted) return greet(type, bytes, start, end)
      switch (type) {
        case Type.Open:
          return open(flags, id, bytes, start, end)
        case Type.Message:
          return message(flags, id, bytes, start, end)
        case Type.End: {
          const inbox = calls.get(id)?.inbox
          inbox?.end(Mailbox.done)
          return inbox === undefined ? undefined : void touched.push(inbox)
        }
        case Type.Credit:
          if (end - start !== 4) return garbage()
          return credit(flags, id, readU32(bytes, start))
        case Type.Cancel:
          return cancel(id)
        case Type.Route:
          return Heads.learn(routes, id, bytes, start, end) ? undefined : garbage()
        case Type.Ping:
          return end - start > maxPing ? garbage() : writer.bytes(Type.Pong, 0, id, bytes.subarray(start, end))
        case Type.Pong:
          return
        case Type.Probe:
          return Telling.answer(reception.telling)
        default:
          return type >= optional ? undefined : garbage()
      }
    },
    oversized,
    skipped: () => undefined,
    grant: (bytes) => writer.number(Type.Credit, Flag.Parts, 0, bytes),
    isExpected: (type, id) => type === Type.Open || calls.get(id)?.inbox !== undefined,
    settled: () => {
      for (const inbox of touched) inbox.settle()
      touched.length = 0
      inflow.settle()
      Reception.ease(reception)
    },
    garbage
  }
}

const answer = (
  reception: Reception.Reception,
  exchange: Exchange,
  call: Call,
  id: number,
  message: Uint8Array
): void => {
  const { options, socket } = reception
  // Who wraps an exchange may keep what passes; without one, nobody has the message and the reply but the two of us.
  const isAlone = Eager.has(exchange)
  if (isAlone) Memory.give(message)
  const end = (reply: Reply | undefined) => {
    if (isAlone && reply instanceof Uint8Array) Memory.spend(reply)
    Reception.end(reception, id, reply)
  }
  const fiber = options.answer(exchange, call, message, end)
  if (fiber === undefined) return
  reception.enter(id, { service: call.service, cancelled: false, interrupt: () => fiber.interruptUnsafe() })
  // Either may have come about while the handler took its first steps.
  if (socket.destroyed || options.find(call.service) !== exchange) fiber.interruptUnsafe()
}
