/**
 * Exchanges that begin a unary call at once, where whoever answers it is about to run it anyway.
 *
 * An effect that is described, started in a fiber and found done costs several times what the call itself does. So an
 * exchange may have a second way in, which does what it can right away; what comes back done needs no fiber. It is known
 * by the exchange itself and nothing else: one that middleware has wrapped is another one, and is run as it describes.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Call, Exchange, Reply } from "../Transport.ts"

/** Begins a call. What it returns is to be run once, or is an `Exit`. */
export type Begin = (call: Call, message: Uint8Array) => Effect.Effect<Reply>

const begins = new WeakMap<Exchange, Begin>()

/** The same exchange, which may from now on be begun so. */
export const make = (exchange: Exchange, begin: Begin): Exchange => {
  begins.set(exchange, begin)
  return exchange
}

/** Whether nothing stands between who calls an exchange and what it does. */
export const has = (exchange: Exchange): boolean => begins.has(exchange)

/** A unary call that has begun, or is about to. */
export const unary = (exchange: Exchange, call: Call, message: Uint8Array): Effect.Effect<Reply> => {
  const begin = begins.get(exchange)
  if (begin === undefined) return Effect.suspend(() => exchange.unary(call, message))
  try {
    return begin(call, message)
  } catch (defect) {
    return Exit.die(defect)
  }
}
