/**
 * A call with many messages or many replies over a multiplexed connection: a slot, an inbox, and a pump where messages
 * go out.
 */
import * as Channel from "effect/Channel"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Call, Connection } from "../../Transport.ts"
import * as Deadline from "../deadline.ts"
import type { Entry } from "../wheel.ts"
import type * as Flow from "./flow.ts"
import { Flag, Type, window } from "./frames.ts"
import * as Mailbox from "./mailbox.ts"
import * as Pump from "./pump.ts"
import type { Inbox, Slot } from "./slots.ts"
import * as Wire from "./wire.ts"

/** Streaming calls over a wire. */
export const make = (wire: Wire.Wire): Connection["stream"] => (call, messages) =>
  // Uninterruptible, so that no call is opened without the finalizer that cancels it.
  Stream.fromChannel(Channel.fromTransform((_, scope) =>
    Effect.uninterruptible(Effect.withFiber((fiber) => {
      const refused = Wire.refusal(wire, call, messages instanceof Uint8Array ? messages.length : 0)
      if (refused !== undefined) return Effect.fail(refused)
      const opened = open(wire, call, messages, fiber.context)
      return opened === undefined
        ? Effect.succeed(Mailbox.only(Wire.overloaded(wire)))
        : Effect.as(Scope.addFinalizer(scope, Effect.sync(opened.close)), opened.inbox.pull)
    }))
  ))

// ---------------------------------------------------------------------------------------------------------------------

/** A streaming call under way. */
interface Opened {
  readonly inbox: Inbox
  /** Gives the call up, and what has come of it. */
  readonly close: () => void
}

const open = (
  wire: Wire.Wire,
  call: Call,
  messages: Uint8Array | Stream.Stream<Uint8Array>,
  context: Context.Context<never>
): Opened | undefined => {
  const inbox = makeInbox(wire.inflow, (bytes) => {
    if (id !== undefined && wire.slots.get(id) === slot) wire.writer.number(Type.Credit, 0, id, bytes)
  })
  const pump = messages instanceof Uint8Array
    ? undefined
    : Pump.make(wire, messages, {
      context,
      failed: (exit) => {
        drop()
        inbox.end(exit)
        inbox.settle()
      }
    })
  let entry: Entry | undefined
  const over = () => {
    if (entry !== undefined) wire.options.wheel.remove(entry)
    pump?.stop()
  }
  const slot = makeSlot(wire, inbox, pump, over)
  const id = Wire.take(wire, slot)
  if (id === undefined) return undefined
  const drop = () => {
    over()
    Wire.abandon(wire, id, slot)
  }
  entry = Deadline.watch(wire.options.wheel, call, (expired) => {
    drop()
    inbox.last(expired)
    inbox.settle()
  })
  pump?.number(id)
  if (messages instanceof Uint8Array) Wire.open(wire, id, call, Flag.Stream | Flag.Last, messages)
  else Wire.open(wire, id, call, Flag.Stream, undefined)
  const close = () => {
    drop()
    inbox.drop()
  }
  return { inbox, close }
}

const makeInbox = (inflow: Flow.Inflow, credit: (bytes: number) => void): Inbox =>
  Mailbox.make({
    initial: window,
    credit,
    inflow,
    keep: (reply) => reply instanceof Uint8Array ? Buffer.from(reply) : reply
  })

const makeSlot = (wire: Wire.Wire, inbox: Inbox, pump: Pump.Pump | undefined, over: () => void): Slot => ({
  inbox,
  credit: pump?.credit,
  end: (reply) => {
    over()
    if (reply === undefined) inbox.end(Mailbox.done)
    else inbox.last(reply)
    wire.touched.push(inbox)
  },
  lost: (error) => {
    over()
    inbox.end(Exit.fail(error))
    inbox.settle()
  }
})
