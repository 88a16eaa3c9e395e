/**
 * A call with many messages or many replies, at the listening end: a fiber that pulls the replies, as fast as the client
 * takes them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { type Call, type Exchange, type Failure, type Reply } from "../../Transport.ts"
import { defect } from "../answering.ts"
import * as Deadline from "../deadline.ts"
import * as Eager from "../eager.ts"
import type { Asked } from "../rpc/asked.ts"
import type * as Flow from "./flow.ts"
import { Type, window } from "./frames.ts"
import * as Mailbox from "./mailbox.ts"
import * as Outlet from "./outlet.ts"
import * as Reception from "./reception.ts"

/** Serves a streaming call, whose only message is at hand or whose messages are to come. */
export const start = (
  reception: Reception.Reception,
  exchange: Exchange,
  call: Call,
  id: number,
  message: Uint8Array | undefined
): void => {
  const { gate, inflow, options, outflow, socket, writer } = reception
  if (call.timeout !== undefined && call.timeout <= 0) return Reception.end(reception, id, Deadline.expired(call))
  const inbox = message === undefined
    ? makeInbox(inflow, (bytes) => writer.number(Type.Credit, 0, id, bytes))
    : undefined
  let fiber: Fiber.Fiber<void> | undefined
  let failed: Failure | undefined
  let ended = false
  const finish = (end: () => void) => {
    if (ended) return
    ended = true
    if (expiry !== undefined) options.wheel.remove(expiry)
    end()
  }
  const refuse = (problem: Failure) => {
    finish(() => {
      writer.drop(id)
      Reception.end(reception, id, problem)
    })
    fiber?.interruptUnsafe()
  }
  const expiry = Deadline.watch(options.wheel, call, refuse)
  const outlet = Outlet.make<Reply>({
    socket,
    gate,
    outflow,
    initial: window,
    size: (reply) => reply instanceof Uint8Array ? reply.length : 0,
    write: (reply, sent) => {
      if (failed !== undefined || ended) return true
      if (!(reply instanceof Uint8Array)) failed = reply
      else if (reply.length <= reception.maxReply) return writer.bytes(Type.Message, 0, id, reply, sent)
      else refuse(Reception.tooLong(reception, reply))
      return true
    }
  })
  const room = reception.batches ? reception.maxReply : undefined
  const asked: Asked = { ...call, room, alone: Eager.has(exchange) }
  const messages = message ?? Stream.fromPull(Effect.succeed(inbox!.pull))
  const replies = Effect.suspend(() => Stream.runForEachArray(exchange.stream(asked, messages), outlet.send))
  // Registered before the handler starts, so that whatever comes for the call meanwhile finds it.
  const interrupt = () => fiber?.interruptUnsafe()
  reception.enter(id, { service: call.service, cancelled: false, inbox, outlet, refuse, interrupt })
  fiber = Effect.runForkWith(options.context)(replies)
  // Its first steps may have brought what ends the call.
  if (ended) fiber.interruptUnsafe()
  fiber.addObserver((exit) => {
    inbox?.drop()
    finish(() => {
      if (failed === undefined && exit._tag === "Success") return Reception.complete(reception, id)
      Reception.end(reception, id, failed ?? (exit._tag === "Success" ? undefined : ending(exit.cause)))
    })
  })
}

// ---------------------------------------------------------------------------------------------------------------------

const makeInbox = (inflow: Flow.Inflow, credit: (bytes: number) => void): Reception.Inbox =>
  Mailbox.make({ initial: 0, credit, inflow, keep: (message) => Buffer.from(message) })

const ending = (cause: Cause.Cause<never>): Failure | undefined =>
  Cause.hasInterruptsOnly(cause) ? undefined : defect(cause)
