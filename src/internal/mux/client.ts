/**
 * The dialling end of a multiplexed connection: calls to frames, frames to replies.
 *
 * A unary call is one slot and one `Effect.callback` on the caller's own fiber, resumed within the event that brought
 * the reply. The slot is free again when the server has ended the call, and not before: a number never means two calls.
 */
import * as Channel from "effect/Channel"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Socket } from "node:net"
import {
  type Call,
  type Connection,
  ConnectionLost,
  type Failure,
  failure,
  LimitExceeded,
  NotConnected,
  type Reply,
  TransportError
} from "../../Transport.ts"
import type { Entry, Wheel } from "../wheel.ts"
import { Flag, headSize, maxPing, readFailure, readU32, Type, window } from "./frames.ts"
import * as Mailbox from "./mailbox.ts"
import * as Outlet from "./outlet.ts"
import * as Pump from "./pump.ts"
import * as Reader from "./reader.ts"
import * as Routes from "./routes.ts"
import * as Writer from "./writer.ts"

export interface Options {
  readonly address: string
  readonly wheel: Wheel
  readonly maxMessage: number
  readonly maxHeaders: number
  readonly maxCalls: number
}

export interface Client extends Connection {
  /** How many calls are under way. */
  readonly pending: () => number
  /** How many calls there have been. */
  readonly total: () => number
  /** Ends the connection. Calls under way fail. */
  readonly close: Effect.Effect<void>
}

/** A connection over a socket whose handshake is done. `head` is what was read beyond it. */
export const make = (socket: Socket, head: Buffer, options: Options): Client => {
  const { address, maxCalls, maxMessage, wheel } = options
  const writer = Writer.make(socket)
  const gate = Outlet.gate(socket)
  const routes = Routes.make(writer)
  const slots: Array<Slot | undefined> = []
  const free: Array<number> = []
  const touched: Array<Inbox> = []
  const closed = Deferred.makeUnsafe<void>()
  let leaving = false
  let total = 0

  /** Why a new call cannot go over this connection, if it cannot. */
  const refusal = (size: number): Effect.Effect<never, TransportError> | undefined => {
    if (leaving || socket.destroyed || !socket.writable) {
      return Effect.fail(new TransportError({ reason: new NotConnected({ address }) }))
    }
    if (size <= maxMessage) return undefined
    const limit = new LimitExceeded({ address, limit: "A message", allowed: maxMessage, actual: size })
    return Effect.fail(new TransportError({ reason: limit }))
  }
  const pending = () => slots.length - free.length
  const take = (slot: Slot): number | undefined => {
    const id = free.pop() ?? (slots.length < maxCalls ? slots.length : undefined)
    if (id !== undefined) slots[id] = slot
    total++
    return id
  }
  const overloaded = () => failure("Overloaded", `${maxCalls} calls are under way to ${address}`)
  const release = (id: number): Slot | undefined => {
    const slot = slots[id]
    if (slot === undefined) return undefined
    slots[id] = undefined
    free.push(id)
    if (leaving && pending() === 0) socket.end()
    return slot
  }
  /** Forgets who called, and tells the server; the number stays taken until the server has ended the call. */
  const abandon = (id: number, slot: Slot) => {
    if (slots[id] !== slot) return
    slots[id] = abandoned
    if (!socket.destroyed) writer.frame(Type.Cancel, 0, id)
  }

  const send = (id: number, call: Call, flags: number, message: Uint8Array | undefined) =>
    writer.open(id, flags, routes.number(call), call.timeout, Routes.headers(call), message)

  const unary: Connection["unary"] = (call, message) =>
    Effect.callback<Reply, TransportError>((resume) => {
      const refused = refusal(message.length) ?? routes.refusal(call, options)
      if (refused !== undefined) return resume(refused)
      let entry: Entry | undefined
      const slot: Slot = {
        end: (reply) => {
          if (entry !== undefined) wheel.remove(entry)
          resume(Exit.succeed(reply ?? noReply))
        },
        lost: (error) => {
          if (entry !== undefined) wheel.remove(entry)
          resume(Exit.fail(error))
        }
      }
      const id = take(slot)
      if (id === undefined) return resume(Exit.succeed(overloaded()))
      if (call.timeout !== undefined) {
        entry = wheel.add(call.timeout, () => {
          abandon(id, slot)
          resume(Exit.succeed(expired(call)))
        })
      }
      send(id, call, Flag.Last, message)
      return Effect.sync(() => {
        if (entry !== undefined) wheel.remove(entry)
        abandon(id, slot)
      })
    })

  const stream: Connection["stream"] = (call, messages) =>
    // Uninterruptible, so that no call is opened without the finalizer that cancels it.
    Stream.fromChannel(Channel.fromTransform((_, scope) =>
      Effect.uninterruptible(Effect.withFiber((fiber) => {
        const single = messages instanceof Uint8Array
        const refused = refusal(single ? messages.length : 0) ?? routes.refusal(call, options)
        if (refused !== undefined) return refused
        const inbox: Inbox = Mailbox.make({
          initial: window,
          credit: (bytes) => {
            if (id !== undefined && slots[id] === slot) writer.number(Type.Credit, id, bytes)
          },
          keep: (reply) => reply instanceof Uint8Array ? Buffer.from(reply) : reply
        })
        const pump = single ? undefined : Pump.make(messages, {
          address,
          maxMessage,
          writer,
          outlet: Outlet.make(socket, gate, 0),
          context: fiber.context,
          failed: (exit) => {
            drop()
            inbox.end(exit)
            inbox.settle()
          }
        })
        let entry: Entry | undefined
        const over = () => {
          if (entry !== undefined) wheel.remove(entry)
          pump?.stop()
        }
        const slot: Slot = {
          inbox,
          credit: pump?.credit,
          end: (reply) => {
            over()
            if (reply === undefined) inbox.end(Mailbox.done)
            else inbox.last(reply)
            touched.push(inbox)
          },
          lost: (error) => {
            over()
            inbox.end(Exit.fail(error))
            inbox.settle()
          }
        }
        const id = take(slot)
        if (id === undefined) return Effect.succeed(Mailbox.only(overloaded()))
        const drop = () => {
          over()
          abandon(id, slot)
        }
        if (call.timeout !== undefined) {
          entry = wheel.add(call.timeout, () => {
            drop()
            inbox.last(expired(call))
            inbox.settle()
          })
        }
        pump?.number(id)
        send(id, call, Flag.Stream | (single ? Flag.Last : 0), single ? messages : undefined)
        return Effect.as(Scope.addFinalizer(scope, Effect.sync(drop)), inbox.pull)
      }))
    ))

  const lost = (cause: Error | undefined) =>
    new TransportError({ reason: new ConnectionLost(cause === undefined ? { address } : { address, cause }) })
  const fail = (cause: Error | undefined) => {
    const error = lost(cause)
    leaving = true
    for (let id = 0; id < slots.length; id++) release(id)?.lost(error)
    Deferred.doneUnsafe(closed, Exit.void)
  }
  let problem: Error | undefined
  const frames: Reader.Frames = {
    frame: (type, flags, id, bytes, start, end) => {
      switch (type) {
        case Type.Message: {
          if ((flags & Flag.Last) !== 0) return release(id)?.end(bytes.subarray(start, end))
          const inbox = slots[id]?.inbox
          if (inbox === undefined) return
          touched.push(inbox)
          return inbox.offer(bytes.subarray(start, end), end - start) ? undefined : frames.garbage("No credit was left")
        }
        case Type.End:
          return release(id)?.end(undefined)
        case Type.Failure:
          return end === start
            ? frames.garbage("A failure without a status")
            : release(id)?.end(readFailure(flags, bytes, start, end))
        case Type.Credit:
          return end - start === 4
            ? slots[id]?.credit?.(readU32(bytes, start))
            : frames.garbage("Credit that is no number")
        case Type.Ping:
          // Who does not read what we write is not answered either: pongs would pile up here.
          return end - start > maxPing || socket.writableNeedDrain
            ? undefined
            : writer.bytes(Type.Pong, 0, id, bytes.subarray(start, end))
        case Type.Pong:
          return
        case Type.GoAway:
          leaving = true
          return pending() === 0 ? void socket.end() : undefined
        case Type.Lost:
          return release(id)?.lost(lost(new Error("the handler was stopped")))
        default:
          return frames.garbage(`A frame of the unknown type ${type}`)
      }
    },
    oversized: (type, flags, id, size) => {
      const problem = failure("Malformed", `A reply of ${size} bytes is over the limit of ${maxMessage}`)
      if (type === Type.Failure || (type === Type.Message && (flags & Flag.Last) !== 0)) {
        return release(id)?.end(problem)
      }
      if (type !== Type.Message) return frames.garbage(`A frame of the type ${type} and ${size} bytes`)
      const slot = slots[id]
      if (slot === undefined) return
      abandon(id, slot)
      slot.end(problem)
    },
    settled: () => {
      for (const inbox of touched) inbox.settle()
      touched.length = 0
    },
    garbage: (text) => {
      problem = new Error(`${text}: this is not ${address}`)
      socket.destroy()
    }
  }
  const read = Reader.make(headSize - 4 + maxMessage, frames)
  socket.on("data", read)
  socket.on("error", (error) => {
    problem ??= error
  })
  socket.on("end", () => socket.destroy())
  socket.on("close", () => fail(problem))
  if (head.length > 0) read(head)
  const close = Effect.sync(() => {
    fail(undefined)
    // At once: a server that does not read would keep what waits for it, and the socket, for ever.
    socket.destroy()
  })
  return { unary, stream, closed: Deferred.await(closed), pending, total: () => total, close }
}

// ---------------------------------------------------------------------------------------------------------------------

type Inbox = Mailbox.Mailbox<Reply, TransportError>

/** A call under way. */
interface Slot {
  /** The server has ended the call. */
  readonly end: (reply: Reply | undefined) => void
  readonly lost: (error: TransportError) => void
  readonly inbox?: Inbox
  readonly credit?: ((bytes: number) => void) | undefined
}

/** A call whose caller has gone, and which the server has not ended. */
const abandoned: Slot = { end: () => undefined, lost: () => undefined }

const noReply = failure("Defect", "The server ended the call without a reply")

const expired = (call: Call): Failure =>
  failure("DeadlineExceeded", `The deadline of ${call.service}/${call.method} has passed`)
