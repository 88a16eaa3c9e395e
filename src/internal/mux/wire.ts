/**
 * The dialling end of a connection as its calls see it: what they write to, and why they may not.
 */
import type { Socket } from "node:net"
import { type Call, type Failure, failure, LimitExceeded, NotConnected, TransportError } from "../../Transport.ts"
import * as Sending from "../sending.ts"
import type { Wheel } from "../wheel.ts"
import * as Flow from "./flow.ts"
import { Flag, Type } from "./frames.ts"
import * as Gate from "./gate.ts"
import * as Hello from "./hello.ts"
import * as Routes from "./routes.ts"
import * as Slots from "./slots.ts"
import * as Vigil from "./vigil.ts"
import * as Writer from "./writer.ts"

export interface Options {
  readonly address: string
  readonly wheel: Wheel
  readonly maxMessage: number
  readonly maxHeaders: number
  readonly maxCalls: number
}

export interface Wire {
  readonly socket: Socket
  readonly options: Options
  readonly writer: Writer.Writer
  readonly gate: Gate.Gate
  readonly outflow: Flow.Outflow
  readonly inflow: Flow.Inflow
  readonly routes: Routes.Routes
  readonly slots: Slots.Slots
  readonly vigil: Vigil.Vigil
  /** What both sides take; all that we know before the server has said its hello is what we do. */
  limits: Hello.Limits
  /** What the read at hand brings. */
  readonly arrival: Sending.Arrival
  /** Inboxes that it has brought something to. */
  readonly touched: Array<Slots.Inbox>
  /** Whether there are to be no new calls. */
  leaving: boolean
}

export const make = (socket: Socket, options: Options): Wire => {
  const { maxCalls, maxHeaders, maxMessage } = options
  const limits = { message: maxMessage, headers: maxHeaders, calls: maxCalls }
  const gate = Gate.make(socket)
  const writer = Writer.make(socket, gate)
  const slots = Slots.make(() => wire.limits.calls)
  writer.bytes(Type.Hello, 0, 0, Hello.encode({ ...limits, batches: true }))
  const wire: Wire = {
    socket,
    options,
    writer,
    gate,
    outflow: Flow.outflow(),
    inflow: Flow.inflow((bytes) => writer.number(Type.Credit, Flag.All, 0, bytes)),
    routes: Routes.make(writer),
    slots,
    vigil: Vigil.make(socket, writer, options.wheel, () => slots.pending() > 0),
    limits,
    arrival: Sending.arrival(),
    touched: [],
    leaving: false
  }
  return wire
}

/** Why a new call cannot go over this connection, if it cannot. */
export const refusal = (
  { leaving, limits, options, routes, socket }: Wire,
  call: Call,
  size: number
): TransportError | undefined => {
  const { address } = options
  if (leaving || socket.destroyed || !socket.writable) {
    return new TransportError({ reason: new NotConnected({ address }) })
  }
  if (size <= limits.message) return routes.refusal(call, address, limits.headers)
  const limit = new LimitExceeded({ address, limit: "A message", allowed: limits.message, actual: size })
  return new TransportError({ reason: limit })
}

/** A number for a call, unless too many are under way or too much waits to be written. */
export const take = ({ options, slots, vigil, writer }: Wire, slot: Slots.Slot): number | undefined => {
  if (writer.waiting() > backlog * options.maxMessage) return undefined
  vigil.keep()
  return slots.take(slot)
}

/** Messages of the largest size that may wait for a server that does not read. */
const backlog = 16

/** Forgets who called, and tells the server. */
export const abandon = (wire: Wire, id: number, slot: Slots.Slot): void => {
  const { slots, socket, writer } = wire
  if (!slots.abandon(id, slot) || socket.destroyed) return
  // A call that stood in line: the server has heard nothing of it, and would not end it.
  if (writer.drop(id) === Type.Open) release(wire, id)
  else writer.frame(Type.Cancel, 0, id)
}

/** Frees the number of a call that is over. Who is to leave does so with the last one. */
export const release = ({ leaving, slots, socket, writer }: Wire, id: number): Slots.Slot | undefined => {
  const slot = slots.release(id)
  writer.drop(id)
  if (leaving && slots.pending() === 0) socket.end()
  return slot
}

/** Sends the head of a call, and its message if that is the only one. */
export const open = (
  { routes, writer }: Wire,
  id: number,
  call: Call,
  flags: number,
  message: Uint8Array | undefined
): void => writer.open(id, flags, routes.number(call), call.timeout, Routes.headers(call), message)

/** The reply to a call for which there is no number. */
export const overloaded = ({ options, slots }: Wire): Failure =>
  failure("Overloaded", `${slots.pending()} calls are under way to ${options.address}`)
