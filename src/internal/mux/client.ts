/**
 * The dialling end of a multiplexed connection: frames to the calls that wait for them, until it ends.
 *
 * What a reply resumes runs within the event that brought it; the replies of a stream are handed over together, once
 * the whole read has been taken apart.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Socket } from "node:net"
import { type Connection, ConnectionLost, failure, NotConnected, TransportError } from "../../Transport.ts"
import type { Use } from "../idle.ts"
import type { Room } from "../rpc/asked.ts"
import * as Sending from "../sending.ts"
import * as Asking from "./asking.ts"
import * as Flow from "./flow.ts"
import { Flag, headSize, maxHello, maxPing, optional, readFailure, readU32, Type } from "./frames.ts"
import * as Hello from "./hello.ts"
import * as Intake from "./intake.ts"
import * as Reader from "./reader.ts"
import * as Streaming from "./streaming.ts"
import * as Unary from "./unary.ts"
import * as Wire from "./wire.ts"

export type Options = Wire.Options

export interface Client extends Connection, Room, Use {
  readonly pending: () => number
  /** Ends the connection. Calls under way fail. */
  readonly close: Effect.Effect<void>
}

/**
 * Makes a connection over a socket whose handshake is done; `head` is what was read beyond it. It settles once, when the
 * server has said its hello.
 */
export const make = (
  socket: Socket,
  head: Buffer,
  options: Options,
  settle: (outcome: Client | Error) => void,
  intake: Intake.Intake = Intake.of(socket)
): void => {
  const wire = Wire.make(socket, options)
  const closed = Deferred.makeUnsafe<void>()
  let problem: Error | undefined
  let greeted = false

  const end = (cause: Error | undefined) => {
    wire.leaving = true
    if (!greeted) settle(cause ?? new Error("it closed the connection before it had said hello"))
    wire.slots.lose(lost(options.address, cause))
    asking.lose(lost(options.address, cause))
    Deferred.doneUnsafe(closed, Exit.void)
  }
  const garbage = (text: string) => {
    problem = new Error(`${text}: this is not ${options.address}`)
    socket.destroy()
  }
  const asking = Asking.make(
    wire.writer,
    () => wire.leaving || socket.destroyed ? notConnected(options.address) : undefined
  )
  const told = frames(wire, asking, garbage, (id) => drop(id))
  const maxFrame = headSize - 4 + Math.max(options.maxMessage, maxHello)
  const { drop, read } = Reader.make(maxFrame, {
    ...told,
    frame: (type, flags, id, bytes, start, end) => {
      if (greeted) return told.frame(type, flags, id, bytes, start, end)
      const limits = type === Type.Hello ? Hello.decode(bytes, start, end) : undefined
      if (limits === undefined) return garbage("No hello")
      greeted = true
      wire.limits = Hello.both(wire.limits, limits)
      const known = limits.batches === true ? { ...client, room: wire.limits.message } : client
      const whole = limits.probes === true ? { ...known, load: asking.load, probe: asking.probe } : known
      settle(Sending.enroll(whole, send))
    }
  })
  intake.into((chunk, isShared) => {
    wire.vigil.heard()
    read(chunk, isShared)
  })
  socket.on("error", (error) => {
    problem ??= error
  })
  socket.on("end", () => socket.destroy())
  socket.on("close", () => end(problem))
  const close = Effect.sync(() => {
    end(undefined)
    // At once: a server that does not read would keep what waits for it, and the socket, for ever.
    socket.destroy()
  })
  const send = Unary.make(wire)
  const client: Client = {
    unary: Sending.unary(send),
    stream: Streaming.make(wire),
    isOwn: true,
    isOpen: () => !wire.leaving && socket.writable,
    closed: Deferred.await(closed),
    pending: wire.slots.pending,
    total: wire.slots.total,
    close
  }
  if (head.length > 0) read(head)
}

// ---------------------------------------------------------------------------------------------------------------------

const lost = (address: string, cause: Error | undefined) =>
  new TransportError({ reason: new ConnectionLost(cause === undefined ? { address } : { address, cause }) })

const notConnected = (address: string) => new TransportError({ reason: new NotConnected({ address }) })

const frames = (
  wire: Wire.Wire,
  asking: Asking.Asking,
  garbage: (problem: string) => void,
  drop: Reader.Reader["drop"]
): Reader.Frames => {
  const { inflow, options, outflow, slots, socket, touched } = wire
  const release = (id: number) => {
    drop(id)
    return Wire.release(wire, id)
  }
  const credit = (flags: number, id: number, bytes: number) => {
    if ((flags & Flag.Parts) !== 0) wire.writer.grant(bytes)
    else if ((flags & Flag.All) !== 0) outflow.grant(bytes)
    else slots.get(id)?.credit?.(bytes)
  }
  /** A message that nobody takes. */
  const skip = (size: number) =>
    inflow.take(Flow.cost(size)) ? inflow.give(Flow.cost(size)) : garbage("No credit was left")
  const oversized: Reader.Frames["oversized"] = (type, flags, id, size, inParts) => {
    const problem = failure("Malformed", `A reply of ${size} bytes is over the limit of ${options.maxMessage}`)
    // One in parts has not ended its call before the last part has come, or the server has heard of our leave.
    if (isLast(type, flags) && !inParts) return release(id)?.end(problem)
    if (type !== Type.Message && type !== Type.Failure) return garbage(`A frame of the type ${type} and ${size} bytes`)
    if (!isLast(type, flags)) skip(size)
    const slot = slots.get(id)
    if (slot === undefined) return
    Wire.abandon(wire, id, slot)
    slot.end(problem)
  }
  return {
    frame: (type, flags, id, bytes, start, end) => {
      if (end - start > options.maxMessage) return oversized(type, flags, id, end - start, false)
      switch (type) {
        case Type.Message: {
          if ((flags & Flag.Last) !== 0) return release(id)?.end(bytes.subarray(start, end))
          const inbox = slots.get(id)?.inbox
          if (inbox === undefined) return skip(end - start)
          touched.push(inbox)
          return inbox.offer(bytes.subarray(start, end), end - start) ? undefined : garbage("No credit was left")
        }
        case Type.End:
          return release(id)?.end(undefined)
        case Type.Failure:
          return end === start
            ? garbage("A failure without a status")
            : release(id)?.end(readFailure(flags, bytes, start, end))
        case Type.Credit:
          if (end - start !== 4) return garbage("Credit that is no number")
          return credit(flags, id, readU32(bytes, start))
        case Type.Ping:
          // Who does not read what we write is not answered either: pongs would pile up here.
          return end - start > maxPing || socket.writableNeedDrain
            ? undefined
            : wire.writer.bytes(Type.Pong, 0, id, bytes.subarray(start, end))
        case Type.Pong:
          return
        case Type.Load:
          return asking.hear(flags, bytes, start, end) ? undefined : garbage("A report that nobody asked for")
        case Type.GoAway:
          wire.leaving = true
          return slots.pending() === 0 ? void socket.end() : undefined
        case Type.Lost:
          return release(id)?.lost(lost(options.address, new Error("the handler was stopped")))
        default:
          return type >= optional ? undefined : garbage(`A frame of the unknown type ${type}`)
      }
    },
    oversized,
    skipped: (type, flags, id) => {
      if (isLast(type, flags)) release(id)
    },
    grant: (bytes) => wire.writer.number(Type.Credit, Flag.Parts, 0, bytes),
    isExpected: (_type, id) => slots.get(id) !== undefined,
    settled: () => {
      wire.arrival.over()
      for (const inbox of touched) inbox.settle()
      touched.length = 0
      inflow.settle()
    },
    garbage
  }
}

/** Whether a frame of a server ends its call. */
const isLast = (type: number, flags: number): boolean =>
  type === Type.Failure || (type === Type.Message && (flags & Flag.Last) !== 0)
