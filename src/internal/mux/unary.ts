/**
 * A unary call over a multiplexed connection: one slot, one frame, and the caller's own fiber resumed by the reply.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type Connection, failure, type Reply, type TransportError } from "../../Transport.ts"
import * as Deadline from "../deadline.ts"
import type { Entry } from "../wheel.ts"
import { Flag } from "./frames.ts"
import type { Slot } from "./slots.ts"
import * as Wire from "./wire.ts"

/** Unary calls over a wire. */
export const make = (wire: Wire.Wire): Connection["unary"] => (call, message) =>
  Effect.callback<Reply, TransportError>((resume) => {
    const refused = Wire.refusal(wire, call, message.length)
    if (refused !== undefined) return resume(refused)
    const { wheel } = wire.options
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
    const id = Wire.take(wire, slot)
    if (id === undefined) return resume(Exit.succeed(Wire.overloaded(wire)))
    entry = Deadline.watch(wire.options.wheel, call, (expired) => {
      Wire.abandon(wire, id, slot)
      resume(Exit.succeed(expired))
    })
    Wire.open(wire, id, call, Flag.Last, message)
    return Effect.sync(() => {
      if (entry !== undefined) wheel.remove(entry)
      Wire.abandon(wire, id, slot)
    })
  })

// ---------------------------------------------------------------------------------------------------------------------

const noReply = failure("Defect", "The server ended the call without a reply")
