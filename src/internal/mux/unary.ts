/**
 * A unary call over a multiplexed connection: one slot, one frame, and the caller told by the reply.
 */
import { type Call, failure, type Reply, type TransportError } from "../../Transport.ts"
import * as Deadline from "../deadline.ts"
import * as Memory from "../memory.ts"
import * as Sending from "../sending.ts"
import type { Entry } from "../wheel.ts"
import { Flag } from "./frames.ts"
import type { Slot } from "./slots.ts"
import * as Wire from "./wire.ts"

/** Sends unary calls over a wire. */
export const make = (wire: Wire.Wire): Sending.Send => (call, message, caller) => {
  const problem = Wire.refusal(wire, call, message.length)
  if (problem !== undefined) return void caller.lost(problem, Sending.alone)
  const flight = new Flight(wire, call, caller)
  const id = Wire.take(wire, flight)
  if (id === undefined) return void caller.replied(Wire.overloaded(wire), Sending.alone)
  flight.id = id
  if (call.timeout !== undefined) wire.options.wheel.enter(flight, call.timeout, caller.moment)
  if (caller.isAlone) Memory.spend(message)
  Wire.open(wire, id, call, Flag.Last, message)
  return flight
}

// ---------------------------------------------------------------------------------------------------------------------

/** A call under way: its slot and its place in the wheel are one object, since there is one for each call. */
class Flight implements Slot, Entry, Sending.Sent {
  readonly wire: Wire.Wire
  readonly call: Call
  readonly caller: Sending.Caller
  id = 0
  bucket: Array<Entry> | undefined = undefined
  index = 0
  due = 0

  constructor(wire: Wire.Wire, call: Call, caller: Sending.Caller) {
    this.wire = wire
    this.call = call
    this.caller = caller
  }

  end(reply: Reply | undefined): void {
    const { caller, wire } = this
    wire.options.wheel.remove(this)
    if (caller.isAlone && reply instanceof Uint8Array) Memory.give(reply)
    caller.replied(reply ?? noReply, wire.arrival.at)
  }

  lost(error: TransportError): void {
    const { caller, wire } = this
    wire.options.wheel.remove(this)
    caller.lost(error, wire.arrival.at)
  }

  expire(): void {
    Wire.abandon(this.wire, this.id, this)
    this.caller.replied(Deadline.expired(this.call), Sending.alone)
  }

  cancel(): void {
    this.wire.options.wheel.remove(this)
    Wire.abandon(this.wire, this.id, this)
  }
}

const noReply = failure("Defect", "The server ended the call without a reply")
