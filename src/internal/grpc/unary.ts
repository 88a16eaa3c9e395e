/**
 * A unary call over gRPC: the first reply is the answer, and how the call ends where there is none.
 */
import type { ClientHttp2Stream } from "node:http2"
import { type Call, failure } from "../../Transport.ts"
import * as Deadline from "../deadline.ts"
import * as Sending from "../sending.ts"
import type { Entry } from "../wheel.ts"
import * as Asking from "./asking.ts"
import * as Framing from "./framing.ts"
import * as Wire from "./wire.ts"

/** Sends unary calls over a wire. */
export const make = (wire: Wire.Wire): Sending.Send => (call, message, caller) => {
  const stream = Wire.open(wire, call, wire.isOwn ? "brief" : "unary", message.length)
  if (Wire.isRefused(stream)) return void tell(caller, stream)
  const flight = new Flight(wire, stream, call, caller)
  if (call.timeout !== undefined) wire.options.wheel.enter(flight, call.timeout, caller.moment)
  stream.end(Framing.pack([message]))
  return flight
}

// ---------------------------------------------------------------------------------------------------------------------

/** A call under way: who follows its stream and its place in the wheel are one object, since there is one for each call. */
class Flight implements Asking.Caller, Entry, Sending.Sent {
  bucket: Array<Entry> | undefined = undefined
  index = 0
  due = 0

  private readonly wire: Wire.Wire
  private readonly call: Call
  private readonly caller: Sending.Caller
  private readonly asking: Asking.Asking

  constructor(wire: Wire.Wire, stream: ClientHttp2Stream, call: Call, caller: Sending.Caller) {
    this.wire = wire
    this.call = call
    this.caller = caller
    this.asking = new Asking.Asking(wire, stream, call, this)
    this.asking.listen()
  }

  begun(): void {
    // That an answer begins is of use to who sends more than one message.
  }

  ended(end: Asking.End): void {
    const { asking: { reply }, caller, wire } = this
    wire.options.wheel.remove(this)
    if (end !== "done") return tell(caller, end)
    // To go well is said ahead of the reply, which may still be lost.
    if (reply === undefined && wire.isOwn) return tell(caller, Asking.lost(wire, undefined))
    caller.replied(reply ?? noReply, Sending.alone)
  }

  expire(): void {
    this.asking.drop()
    this.caller.replied(Deadline.expired(this.call), Sending.alone)
  }

  cancel(): void {
    this.wire.options.wheel.remove(this)
    this.asking.drop()
  }
}

const noReply = failure("Defect", "The server ended the call without a reply")

const tell = (caller: Sending.Caller, outcome: Wire.Refused): void =>
  outcome._tag === "Failure" ? caller.replied(outcome, Sending.alone) : caller.lost(outcome, Sending.alone)
