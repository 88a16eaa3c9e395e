/**
 * One call answered in a fiber of its own: what every listening transport does with an exchange.
 *
 * The fiber starts at once, within the event that brought the call; a handler that does not wait has answered before
 * `unary` returns. The deadline that came with the call interrupts the handler, and is answered without waiting for it.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import { type Call, type Exchange, type Failure, failure, type Reply } from "../Transport.ts"
import { expired } from "./deadline.ts"
import * as Eager from "./eager.ts"
import * as Exits from "./exits.ts"
import type { Wheel } from "./wheel.ts"

/**
 * Answers a unary call. `reply` is called exactly once; with `undefined` where the call was interrupted, once its
 * finalizers have run. Returns the fiber while there is something to interrupt.
 */
export type Answer = (
  exchange: Exchange,
  call: Call,
  message: Uint8Array,
  reply: (reply: Reply | undefined) => void
) => Fiber.Fiber<Reply> | undefined

export const make = (context: Context.Context<never>, wheel: Wheel): Answer => {
  // Whoever started the server is no part of the traces of its calls.
  const fork = Effect.runForkWith(Context.omit(Tracer.ParentSpan)(context))
  return (exchange, call, message, reply) => {
    if (call.timeout !== undefined && call.timeout <= 0) return void reply(expired(call))
    const begun = Eager.unary(exchange, call, message)
    if (Exits.isExit(begun)) return void reply(outcome(begun))
    const fiber = fork(begun)
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return void reply(outcome(exit))
    if (call.timeout === undefined) {
      fiber.addObserver((exit) => reply(outcome(exit)))
      return fiber
    }
    let answered = false
    const entry = wheel.add(call.timeout, () => {
      answered = true
      reply(expired(call))
      fiber.interruptUnsafe()
    })
    fiber.addObserver((exit) => {
      if (answered) return
      wheel.remove(entry)
      reply(outcome(exit))
    })
    return fiber
  }
}

const outcome = (exit: Exit.Exit<Reply>): Reply | undefined => {
  if (exit._tag === "Success") return exit.value
  if (Cause.hasInterruptsOnly(exit.cause)) return undefined
  return defect(exit.cause)
}

/** What is told of a handler that died: its message, and not its stack. */
export const defect = (cause: Cause.Cause<unknown>): Failure => {
  const died = Cause.squash(cause)
  return failure("Defect", died instanceof Error ? died.message : String(died))
}
