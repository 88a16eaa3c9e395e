/**
 * The listening end of a multiplexed connection: frames to calls, replies to frames.
 *
 * A unary call runs in one fiber that starts within the event that brought it; a call that answers at once leaves no
 * trace here. The end of the connection interrupts all that still runs.
 */
import type { Socket } from "node:net"
import { type Call, type Exchange, failure } from "../../Transport.ts"
import { Flag, maxPing, readU32, silence, Type } from "./frames.ts"
import * as Heads from "./heads.ts"
import * as Mailbox from "./mailbox.ts"
import * as Reader from "./reader.ts"
import * as Reception from "./reception.ts"
import * as Serving from "./serving.ts"

export type Options = Reception.Options

export interface Server {
  /** Tells the client to make no new calls here. It closes the connection when those under way have ended. */
  readonly leave: () => void
  /** Interrupts the calls of a service. */
  readonly evict: (service: string) => void
}

/** Serves a connection until it ends. `head` is what was read beyond the handshake. */
export const make = (socket: Socket, head: Buffer, options: Options): Server => {
  const reception = Reception.make(socket, options)
  const { calls, writer } = reception
  const read = Reader.make(options.maxMessage + options.maxHeaders + 64, frames(reception))
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

const frames = (reception: Reception.Reception): Reader.Frames => {
  const { calls, options, socket, writer } = reception
  const routes: Heads.Routes = new Map()
  const touched: Array<Reception.Inbox> = []
  const garbage = () => void socket.destroy()

  const open = (flags: number, id: number, bytes: Buffer, start: number, end: number) => {
    const head = Heads.read(flags, bytes, start, end, routes, options.maxHeaders)
    if (head === undefined || calls.has(id) || socket.destroyed) return garbage()
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
    if (inbox === undefined) return
    if (end - start > options.maxMessage) return oversized(Type.Message, flags, id, end - start)
    if (!inbox.offer(bytes.subarray(start, end), end - start)) return garbage()
    if ((flags & Flag.Last) !== 0) inbox.end(Mailbox.done)
    touched.push(inbox)
  }
  const cancel = (running: Reception.Running | undefined) => {
    if (running === undefined) return
    running.cancelled = true
    running.interrupt()
  }
  const oversized = (type: number, _flags: number, id: number, size: number) => {
    const problem = failure("Malformed", `A message of ${size} bytes is over the limit of ${options.maxMessage}`)
    const running = calls.get(id)
    if (type === Type.Open && running === undefined) return writer.failure(id, problem)
    if (type !== Type.Message || running?.refuse === undefined) return garbage()
    running.refuse(problem)
  }
  return {
    frame: (type, flags, id, bytes, start, end) => {
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
          return end - start === 4 ? calls.get(id)?.outlet?.credit(readU32(bytes, start)) : garbage()
        case Type.Cancel:
          return cancel(calls.get(id))
        case Type.Route:
          return Heads.learn(routes, id, bytes, start, end) ? undefined : garbage()
        case Type.Ping:
          return end - start > maxPing ? garbage() : writer.bytes(Type.Pong, 0, id, bytes.subarray(start, end))
        case Type.Pong:
          return
        default:
          return garbage()
      }
    },
    oversized,
    settled: () => {
      for (const inbox of touched) inbox.settle()
      touched.length = 0
      Reception.ease(socket, options)
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
  const fiber = options.answer(exchange, call, message, (reply) => Reception.end(reception, id, reply))
  if (fiber === undefined) return
  reception.enter(id, { service: call.service, cancelled: false, interrupt: () => fiber.interruptUnsafe() })
  // Either may have come about while the handler took its first steps.
  if (socket.destroyed || options.find(call.service) !== exchange) fiber.interruptUnsafe()
}
