/**
 * How busy a port is: all of its services, which share a process.
 */
import type { Busy } from "../../Load.ts"
import type { Exchange } from "../../Transport.ts"

/** The calls of all, and what one of them takes: each service counts by the calls that it has, and one more. */
export const together = (listeners: Iterable<{ readonly exchange: Exchange }>): Busy => {
  let inFlight = 0
  let weight = 0
  let sum = 0
  for (const { exchange } of listeners) {
    const load = exchange.load?.()
    if (load === undefined) continue
    inFlight += load.inFlight
    // Who has served nobody yet says nothing of what it takes.
    if (load.serviceTime === 0) continue
    weight += load.inFlight + 1
    sum += load.serviceTime * (load.inFlight + 1)
  }
  return { inFlight, serviceTime: weight === 0 ? 0 : sum / weight }
}
