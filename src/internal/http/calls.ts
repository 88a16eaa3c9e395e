/** The calls of the plain lane whose fibers have not ended, by service and by connection. */
import type * as Fiber from "effect/Fiber"
import type { Socket } from "node:net"

export interface Calls {
  readonly count: () => number
  /** Enters a call until its fiber has ended, and interrupts that when the connection closes. */
  readonly hold: (socket: Socket, service: string, fiber: Fiber.Fiber<unknown>) => void
  /** Interrupts the calls of a service. */
  readonly evict: (service: string) => void
}

export const make = (): Calls => {
  const running = new Set<Running>()
  // By connection and not by response: one that waits its turn in a pipeline does not hear of the connection's end.
  const bySocket = new WeakMap<Socket, Set<Running>>()
  const of = (socket: Socket): Set<Running> => {
    const held = bySocket.get(socket)
    if (held !== undefined) return held
    const here = new Set<Running>()
    bySocket.set(socket, here)
    socket.once("close", () => {
      for (const { fiber } of here) fiber.interruptUnsafe()
    })
    return here
  }
  return {
    count: () => running.size,
    hold: (socket, service, fiber) => {
      const call: Running = { service, fiber }
      const here = of(socket)
      here.add(call)
      running.add(call)
      fiber.addObserver(() => {
        here.delete(call)
        running.delete(call)
      })
    },
    evict: (service) => {
      for (const call of running) if (call.service === service) call.fiber.interruptUnsafe()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Running {
  readonly service: string
  readonly fiber: Fiber.Fiber<unknown>
}
